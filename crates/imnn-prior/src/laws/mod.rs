//! The named laws. One file each, and one word in the list below.

mod listed;

use std::sync::Arc;

use imnn_io::{ConfigError, Item};

use crate::law::Law;
use listed::Listed;

macro_rules! laws {
    ($($file:ident: $law:ident;)*) => {
        $(mod $file;)*
        $(pub use $file::$law;)*

        /// The names of all laws, with what they take.
        pub(crate) const LAWS: &[(&str, &str)] = &[$(($law::NAME, $law::ABOUT)),*];

        /// The law that an item of a file describes, such as `{ uniform = [0.0, 1.0] }`.
        pub(crate) fn read(item: &Item<'_>) -> Result<Arc<dyn Law>, ConfigError> {
            let names: Vec<&str> = LAWS.iter().map(|(name, _)| *name).collect();
            let Some(section) = item.as_section() else {
                return Err(item.wrong_type(&format!("a law such as {{ uniform = [0.0, 1.0] }} (one of {})", names.join(", "))));
            };
            section.only(&names)?;
            let mut keys = section.keys();
            let (Some(name), None) = (keys.next(), keys.next()) else {
                let n = section.keys().count();
                return Err(section.invalid_here(format!(
                    "expected one law, such as {{ uniform = [0.0, 1.0] }}, found {n}; laws are {}", names.join(", ")
                )));
            };
            match name {
                $($law::NAME => Ok(Arc::new(listed::read::<$law>(&section, name)?)),)*
                _ => Err(section.unknown_name(name, name, &names)),
            }
        }
    };
}

laws! {
    uniform: Uniform;
    normal: Normal;
    lognormal: Lognormal;
    loguniform: Loguniform;
    truncated_normal: TruncatedNormal;
    half_normal: HalfNormal;
    beta: Beta;
    gamma: Gamma;
    table: Table;
}
