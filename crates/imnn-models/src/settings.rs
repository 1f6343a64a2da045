//! Settings in run files, read by [`imnn_io::config`], and written.

use crate::error::{ModelError, Result};
use imnn_io::{ConfigError, Document, Item, Section};
use toml::{Table, Value};

/// What a setting may be.
pub(crate) trait Setting: Sized {
    /// What several are called.
    const SEVERAL: &'static str = "numbers";

    /// Reads it.
    fn read(item: &Item<'_>) -> Result<Self, ConfigError>;

    /// How it is written.
    fn write(&self) -> Value;
}

/// Reads a struct of settings from a table and writes it to one. After `:` comes an example for a setting that must be
/// there; after `=` the default of one that may be left out, which then is not written either.
macro_rules! settings {
    ($type:ident { $($key:ident $(: $example:literal)? $(= $default:expr)?),* $(,)? }) => {
        impl $type {
            pub(crate) fn read_table(item: &imnn_io::Item<'_>) -> Result<Self, imnn_io::ConfigError> {
                let table = $crate::settings::table_of(item, &[$(stringify!($key)),*])?;
                Ok($type { $($key: $crate::settings::settings!(@read table $key $(: $example)? $(= $default)?)),* })
            }

            pub(crate) fn write_table(&self) -> toml::Value {
                let entries = [$($crate::settings::settings!(@write self $key $(: $example)? $(= $default)?)),*];
                let entries = entries.into_iter().flatten().map(|(key, value)| (key.to_string(), value));
                toml::Value::Table(entries.collect())
            }
        }
    };
    (@read $table:ident $key:ident: $example:literal) => {
        $crate::settings::Setting::read(&$crate::settings::required(&$table, stringify!($key), $example)?)?
    };
    (@read $table:ident $key:ident = $default:expr) => {
        $table.item(stringify!($key)).map_or(Ok($default), |item| $crate::settings::Setting::read(&item))?
    };
    (@write $self:ident $key:ident: $example:literal) => {
        Some((stringify!($key), $crate::settings::Setting::write(&$self.$key)))
    };
    (@write $self:ident $key:ident = $default:expr) => {
        ($self.$key != $default).then(|| (stringify!($key), $crate::settings::Setting::write(&$self.$key)))
    };
}
pub(crate) use settings;

/// Reads a value as it stands at `key` of a run file.
pub(crate) fn read_value<T>(
    key: &str,
    value: &Value,
    read: impl FnOnce(&Item<'_>) -> Result<T, ConfigError>,
) -> Result<T> {
    let refuse = |message: String| ModelError::Description { location: key.into(), message };
    let text = toml::to_string(&Table::from_iter([(key.into(), value.clone())]));
    let text = text.map_err(|error| refuse(error.to_string()))?;
    let document = Document::parse(&text, "").map_err(described)?;
    let item = document.root().item(key).ok_or_else(|| refuse("there is no value".into()))?;
    read(&item).map_err(described)
}

/// What is wrong and where, without the line of a text that nobody has written.
fn described(error: ConfigError) -> ModelError {
    match error {
        ConfigError::Content { location, message, .. } => ModelError::Description { location, message },
        other => ModelError::Description { location: String::new(), message: other.to_string() },
    }
}

/// The table that an item is, with no other keys than these.
pub(crate) fn table_of<'a>(item: &Item<'a>, known: &[&str]) -> Result<Section<'a>, ConfigError> {
    let table = item.as_section();
    let table = table.ok_or_else(|| item.wrong_type(&format!("a table with the keys {}", known.join(", "))))?;
    table.only(known)?;
    Ok(table)
}

/// The value of `key`, which must be there; `example` shows how to write it.
pub(crate) fn required<'a>(table: &Section<'a>, key: &str, example: &str) -> Result<Item<'a>, ConfigError> {
    table.item(key).ok_or_else(|| table.missing(key, &format!("write for instance {key} = {example}")))
}

/// The word that stands for a value; the first, if the list has none.
pub(crate) fn word_for<T: PartialEq>(value: &T, words: &[(&'static str, T)]) -> Value {
    words.iter().find(|(_, meaning)| meaning == value).unwrap_or(&words[0]).0.into()
}

/// A table of these entries.
pub(crate) fn table<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
}

impl Setting for f64 {
    fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
        item.read()
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

/// Whole numbers are of at least 1; what is beyond TOML's range is beyond any memory and any run, too.
macro_rules! whole {
    ($($type:ty: $several:literal),*) => { $(
        impl Setting for $type {
            const SEVERAL: &'static str = $several;

            fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
                let number = item.read().ok().filter(|&number| number >= 1);
                number.ok_or_else(|| item.wrong_type("a whole number of at least 1"))
            }

            fn write(&self) -> Value {
                i64::try_from(*self).unwrap_or(i64::MAX).into()
            }
        }
    )* };
}

whole!(usize: "sizes such as [3, 3]", u64: "iterations");

impl<T: Setting> Setting for Vec<T> {
    fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
        item.list(T::SEVERAL)?.iter().map(T::read).collect()
    }

    fn write(&self) -> Value {
        Value::Array(self.iter().map(Setting::write).collect())
    }
}

impl<T: Setting> Setting for Box<T> {
    fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
        T::read(item).map(Box::new)
    }

    fn write(&self) -> Value {
        T::write(self)
    }
}
