//! Settings in run files: values with the place where they stand, and errors that say where, what was found and what to
//! write.

use crate::error::{ModelError, Result};
use imnn_io::text::shortened;
use toml::Value;

/// A value of a run file in its place.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    /// Where it stands, such as `layers[3].conv.kernel`.
    pub(crate) location: String,
    pub(crate) value: &'a Value,
    /// In how many lists of its own kind it lies, such as layers in the branches of layers.
    pub(crate) depth: usize,
}

/// What a setting may be.
pub(crate) trait Setting: Sized {
    /// Reads it.
    fn read(item: &Item<'_>) -> Result<Self>;

    /// How it is written.
    fn write(&self) -> Value;
}

/// Reads a struct of settings from a table and writes it to one. After `:` comes an example for a setting that must be
/// there; after `=` the default of one that may be left out, which then is not written either.
macro_rules! settings {
    ($type:ident { $($key:ident $(: $example:literal)? $(= $default:expr)?),* $(,)? }) => {
        impl $type {
            pub(crate) fn read_table(item: &$crate::settings::Item<'_>) -> $crate::error::Result<Self> {
                let fields = item.fields(&[$(stringify!($key)),*])?;
                Ok($type { $($key: $crate::settings::settings!(@read fields $key $(: $example)? $(= $default)?)),* })
            }

            pub(crate) fn write_table(&self) -> toml::Value {
                let entries = [$($crate::settings::settings!(@write self $key $(: $example)? $(= $default)?)),*];
                let entries = entries.into_iter().flatten().map(|(key, value)| (key.to_string(), value));
                toml::Value::Table(entries.collect())
            }
        }
    };
    (@read $fields:ident $key:ident: $example:literal) => {
        $crate::settings::Setting::read(&$fields.require(stringify!($key), $example)?)?
    };
    (@read $fields:ident $key:ident = $default:expr) => {
        $fields.get(stringify!($key)).map_or(Ok($default), |item| $crate::settings::Setting::read(&item))?
    };
    (@write $self:ident $key:ident: $example:literal) => {
        Some((stringify!($key), $crate::settings::Setting::write(&$self.$key)))
    };
    (@write $self:ident $key:ident = $default:expr) => {
        ($self.$key != $default).then(|| (stringify!($key), $crate::settings::Setting::write(&$self.$key)))
    };
}
pub(crate) use settings;

/// The error `location: message`.
pub(crate) fn refuse<T>(location: &str, message: impl Into<String>) -> Result<T> {
    Err(ModelError::Description { location: location.into(), message: message.into() })
}

/// `; did you mean "x"?` with the candidate nearest to `word`, or the list of all.
pub(crate) fn suggestion(word: &str, candidates: &[&str]) -> String {
    format!("; {}", imnn_io::nearest::advice(word, candidates))
}

/// The word that stands for a value; the first, if the list has none.
pub(crate) fn word_for<T: PartialEq>(value: &T, words: &[(&'static str, T)]) -> Value {
    words.iter().find(|(_, meaning)| meaning == value).unwrap_or(&words[0]).0.into()
}

/// A table of these entries.
pub(crate) fn table<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect())
}

impl<'a> Item<'a> {
    /// The value at `location`.
    pub(crate) fn new(location: impl Into<String>, value: &'a Value) -> Self {
        Item { location: location.into(), value, depth: 0 }
    }

    /// The error that names the place.
    pub(crate) fn refuse<T>(&self, message: impl Into<String>) -> Result<T> {
        refuse(&self.location, message)
    }

    /// A value inside this one.
    pub(crate) fn inner(&self, place: &str, value: &'a Value) -> Item<'a> {
        Item { location: format!("{}{place}", self.location), value, depth: self.depth }
    }

    /// The value in words, for an error message.
    pub(crate) fn found(&self) -> String {
        match self.value {
            Value::String(text) => format!("the string {:?}", shortened(text)),
            Value::Integer(n) => format!("the integer {n}"),
            Value::Float(x) => format!("the number {x}"),
            Value::Boolean(b) => format!("{b}"),
            Value::Datetime(_) => "a date".into(),
            Value::Array(array) => format!("an array of {}", array.len()),
            Value::Table(_) => "a table".into(),
        }
    }

    /// An array, each of its elements read by `read`.
    pub(crate) fn list<T>(&self, what: &str, read: impl Fn(&Item<'a>) -> Result<T>) -> Result<Vec<T>> {
        match self.value {
            Value::Array(array) => {
                array.iter().enumerate().map(|(k, element)| read(&self.inner(&format!("[{k}]"), element))).collect()
            }
            _ => self.refuse(format!("expected an array of {what}, found {}", self.found())),
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, what: &str, words: &[(&str, T)]) -> Result<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        match self.value {
            Value::String(text) => match words.iter().find(|(name, _)| name == text) {
                Some((_, meaning)) => Ok(*meaning),
                None => self.refuse(format!("unknown {what} {:?}{}", shortened(text), suggestion(text, &names))),
            },
            _ => self.refuse(format!("expected one of {}, found {}", names.join(", "), self.found())),
        }
    }

    /// Itself, if it is a table that may be read: one that has the keys `known` only.
    pub(crate) fn fields(&self, known: &[&str]) -> Result<&Self> {
        let Value::Table(table) = self.value else {
            return self.refuse(format!("expected a table with the keys {}, found {}", known.join(", "), self.found()));
        };
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return self.refuse(format!("unknown key {:?}{}", shortened(key), suggestion(key, known)));
        }
        Ok(self)
    }

    /// The value of `key`, if it is there.
    pub(crate) fn get(&self, key: &str) -> Option<Item<'a>> {
        self.value.get(key).map(|value| self.inner(&format!(".{key}"), value))
    }

    /// The value of `key`, which must be there; `example` shows how to write it.
    pub(crate) fn require(&self, key: &str, example: &str) -> Result<Item<'a>> {
        match self.get(key) {
            Some(item) => Ok(item),
            None => self.refuse(format!("the key {key:?} is missing, for instance {key} = {example}")),
        }
    }
}

impl Setting for f64 {
    fn read(item: &Item<'_>) -> Result<Self> {
        match item.value {
            Value::Integer(n) => Ok(*n as f64),
            Value::Float(x) => Ok(*x),
            _ => item.refuse(format!("expected a number, found {}", item.found())),
        }
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl Setting for bool {
    fn read(item: &Item<'_>) -> Result<Self> {
        match item.value {
            Value::Boolean(flag) => Ok(*flag),
            _ => item.refuse(format!("expected true or false, found {}", item.found())),
        }
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

/// Integers are of at least 1; what is beyond TOML's range is beyond any memory and any run, too.
macro_rules! integers {
    ($($type:ty),*) => { $(
        impl Setting for $type {
            fn read(item: &Item<'_>) -> Result<Self> {
                match item.value {
                    Value::Integer(n) if *n >= 1 => {
                        <$type>::try_from(*n).or_else(|_| item.refuse(format!("{n} is too large")))
                    }
                    _ => item.refuse(format!("expected an integer of at least 1, found {}", item.found())),
                }
            }

            fn write(&self) -> Value {
                i64::try_from(*self).unwrap_or(i64::MAX).into()
            }
        }
    )* };
}

integers!(usize, u64);

/// One size for each axis.
impl Setting for Vec<usize> {
    fn read(item: &Item<'_>) -> Result<Self> {
        let sizes = item.list("sizes such as [3, 3]", usize::read)?;
        if sizes.is_empty() {
            return item.refuse("expected one size per axis, found an empty array");
        }
        Ok(sizes)
    }

    fn write(&self) -> Value {
        Value::Array(self.iter().map(Setting::write).collect())
    }
}
