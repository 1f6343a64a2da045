//! Reading parts of a run file, with errors that say where, what was found and what to write.

use crate::error::{ModelError, Result};
use imnn_io::text::shortened;
use toml::{Table, Value};

/// A table of a description whose keys are known.
pub(crate) struct Fields<'a> {
    location: String,
    table: &'a Table,
}

/// The error `location: message`.
pub(crate) fn refuse<T>(location: &str, message: impl Into<String>) -> Result<T> {
    Err(ModelError::Description { location: location.into(), message: message.into() })
}

/// `; did you mean "x"?` with the candidate nearest to `word`, or the list of all.
pub(crate) fn suggestion(word: &str, candidates: &[&str]) -> String {
    format!("; {}", imnn_io::nearest::advice(word, candidates))
}

/// The value in words, for an error message.
pub(crate) fn found(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the string {:?}", shortened(text)),
        Value::Integer(n) => format!("the integer {n}"),
        Value::Float(x) => format!("the number {x}"),
        Value::Boolean(b) => format!("{b}"),
        Value::Datetime(_) => "a date".into(),
        Value::Array(array) => format!("an array of {}", array.len()),
        Value::Table(_) => "a table".into(),
    }
}

impl<'a> Fields<'a> {
    /// The table at `location`, which may have the keys `known` only.
    pub fn new(location: impl Into<String>, value: &'a Value, known: &[&str]) -> Result<Self> {
        let location = location.into();
        let Value::Table(table) = value else {
            return refuse(
                &location,
                format!("expected a table with the keys {}, found {}", known.join(", "), found(value)),
            );
        };
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return refuse(&location, format!("unknown key {:?}{}", shortened(key), suggestion(key, known)));
        }
        Ok(Fields { location, table })
    }

    /// Where the value of `key` stands.
    pub fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.location)
    }

    /// The value of `key`, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key)
    }

    /// The value of `key`, which must be there; `example` shows how to write it.
    pub fn require(&self, key: &str, example: &str) -> Result<&'a Value> {
        match self.get(key) {
            Some(value) => Ok(value),
            None => refuse(&self.location, format!("the key {key:?} is missing, for instance {key} = {example}")),
        }
    }

    /// The number of `key`, or `default`.
    pub fn number_or(&self, key: &str, default: f64) -> Result<f64> {
        self.get(key).map_or(Ok(default), |value| number(&self.at(key), value))
    }

    /// The number of `key`, which must be there.
    pub fn number(&self, key: &str, example: &str) -> Result<f64> {
        number(&self.at(key), self.require(key, example)?)
    }

    /// The truth value of `key`, or `default`.
    pub fn flag_or(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Boolean(flag)) => Ok(*flag),
            Some(other) => refuse(&self.at(key), format!("expected true or false, found {}", found(other))),
        }
    }
}

/// An integer or a float.
pub(crate) fn number(location: &str, value: &Value) -> Result<f64> {
    match value {
        Value::Integer(n) => Ok(*n as f64),
        Value::Float(x) => Ok(*x),
        other => refuse(location, format!("expected a number, found {}", found(other))),
    }
}

/// An integer of at least 1.
pub(crate) fn size(location: &str, value: &Value) -> Result<usize> {
    match value {
        Value::Integer(n) if *n >= 1 => usize::try_from(*n).or_else(|_| refuse(location, format!("{n} is too large"))),
        other => refuse(location, format!("expected an integer of at least 1, found {}", found(other))),
    }
}

/// An array, whose elements stand at `location[k]`.
pub(crate) fn array<'a, T>(
    location: &str,
    value: &'a Value,
    what: &str,
    read: impl Fn(&str, &'a Value) -> Result<T>,
) -> Result<Vec<T>> {
    match value {
        Value::Array(array) => {
            array.iter().enumerate().map(|(k, element)| read(&format!("{location}[{k}]"), element)).collect()
        }
        other => refuse(location, format!("expected an array of {what}, found {}", found(other))),
    }
}

/// One of a few words.
pub(crate) fn word<'a, T: Copy>(location: &str, value: &'a Value, what: &str, words: &[(&'a str, T)]) -> Result<T> {
    let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
    match value {
        Value::String(text) => match words.iter().find(|(name, _)| name == text) {
            Some((_, meaning)) => Ok(*meaning),
            None => refuse(location, format!("unknown {what} {:?}{}", shortened(text), suggestion(text, &names))),
        },
        other => refuse(location, format!("expected one of {}, found {}", names.join(", "), found(other))),
    }
}
