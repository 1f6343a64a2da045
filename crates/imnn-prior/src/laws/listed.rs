//! What a law needs to be in the list, and how its numbers are read.

use imnn_io::{ConfigError, Section};

use crate::error::Result;
use crate::law::Law;

/// A law with a name in files.
pub(crate) trait Listed: Law + Sized + 'static {
    const NAME: &'static str;
    /// What it takes, for help and messages.
    const ABOUT: &'static str;
    /// The keys of its numbers, in the order in which a list has them, and what stands for one that is left out.
    const KEYS: &'static [(&'static str, Option<f64>)];

    /// The law with these numbers, in the order of the keys.
    fn of(numbers: &[f64]) -> Result<Self>;

    /// The law that the key `name` of a table is set to.
    fn read(section: &Section<'_>, name: &str) -> std::result::Result<Self, ConfigError> {
        Self::of(&numbers::<Self>(section, name)?).map_err(|error| section.invalid(name, error.to_string()))
    }

    /// The law in a file.
    fn written(numbers: &[f64]) -> Option<String> {
        let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:?}")).collect();
        Some(format!("{{ {} = [{}] }}", Self::NAME, numbers.join(", ")))
    }
}

pub(crate) fn read<L: Listed>(section: &Section<'_>, name: &str) -> std::result::Result<L, ConfigError> {
    L::read(section, name)
}

/// The numbers of a law: a list of them, a table, or one number.
fn numbers<L: Listed>(section: &Section<'_>, name: &str) -> std::result::Result<Vec<f64>, ConfigError> {
    let needed = L::KEYS.iter().filter(|(_, default)| default.is_none()).count();
    let Some(item) = section.item(name) else {
        return Err(section.missing(name, L::ABOUT));
    };
    let filled = |mut given: Vec<f64>| {
        given.extend(L::KEYS[given.len()..].iter().filter_map(|(_, default)| *default));
        given
    };
    if let Some(table) = item.as_section() {
        let keys: Vec<&str> = L::KEYS.iter().map(|(key, _)| *key).collect();
        table.only(&keys)?;
        let number = |(key, default): &(&str, Option<f64>)| match default {
            Some(default) => table.or(key, *default),
            None => table.required(key, L::ABOUT),
        };
        return L::KEYS.iter().map(number).collect();
    }
    if let (1, Ok(number)) = (needed, item.read::<f64>()) {
        return Ok(filled(vec![number]));
    }
    let given: Vec<f64> = item.read().map_err(|_| item.wrong_type(L::ABOUT))?;
    if !(needed..=L::KEYS.len()).contains(&given.len()) {
        return Err(item.invalid(format!("expected {}, found {} numbers", L::ABOUT, given.len())));
    }
    Ok(filled(given))
}
