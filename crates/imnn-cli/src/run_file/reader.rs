//! Reads tables of a TOML file key by key; whatever is wrong is named with its table and line.

use std::ops::Range;
use std::path::{Path, PathBuf};

use imnn::data::ArrayPath;
use imnn::io::nearest::advice;
use imnn::models::ModelError;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::RunFileError;

/// A run file as text.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

/// A table of the file.
#[derive(Clone)]
pub(super) struct Section<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    /// The keys that lead to it.
    keys: Vec<String>,
    line: usize,
}

/// A value that a key can have.
pub(super) trait Value: Sized {
    /// What it is called in a message.
    const NAME: &'static str;
    fn read(value: &DeValue<'_>) -> Option<Self>;
}

impl<'a> Source<'a> {
    /// Parses the text; the table lives on its own, because sections borrow it.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'a>>, RunFileError> {
        DeTable::parse(self.text).map_err(|error| RunFileError::Syntax {
            path: self.path.to_owned(),
            line: self.line(error.span().unwrap_or(0..0)),
            reason: error.message().to_owned(),
        })
    }

    fn line(&self, span: Range<usize>) -> usize {
        1 + self.text.bytes().take(span.start).filter(|&byte| byte == b'\n').count()
    }
}

impl<'a> Section<'a> {
    pub(super) fn root(source: &'a Source<'a>, table: &'a DeTable<'a>) -> Self {
        Self { source, table, keys: Vec::new(), line: 1 }
    }

    /// Refuses any key but these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), RunFileError> {
        match self.table.keys().find(|key| !known.contains(&key.as_ref().as_ref())) {
            None => Ok(()),
            Some(key) => Err(RunFileError::UnknownKey {
                key: key.as_ref().to_string(),
                place: self.place(),
                path: self.path(),
                line: self.source.line(key.span()),
                advice: advice(key.as_ref(), known),
            }),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key, if there is one.
    pub(super) fn optional<T: Value>(&self, key: &str) -> Result<Option<T>, RunFileError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match T::read(value.as_ref()) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong_type(key, T::NAME)),
        }
    }

    /// The value of a key, or what it is without one.
    pub(super) fn or<T: Value>(&self, key: &str, default: T) -> Result<T, RunFileError> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    /// The value of a key that must be there; `advice` says what to write.
    pub(super) fn required<T: Value>(&self, key: &'static str, advice: &str) -> Result<T, RunFileError> {
        self.optional(key)?.ok_or_else(|| self.missing(key, advice))
    }

    /// A table inside this one, if there is one.
    pub(super) fn section(&self, key: &str) -> Result<Option<Section<'a>>, RunFileError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let Some(table) = value.as_ref().as_table() else { return Err(self.wrong_type(key, "a table")) };
        let keys = self.keys.iter().cloned().chain([key.to_owned()]).collect();
        Ok(Some(Section { source: self.source, table, keys, line: self.line(key) }))
    }

    /// A value that `imnn-models` reads, which says where in it something is wrong, as in `layers[3].conv`.
    pub(super) fn described<T>(
        &self,
        key: &str,
        read: impl FnOnce(&toml::Value) -> Result<T, ModelError>,
    ) -> Result<Option<T>, RunFileError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let value = toml::Value::deserialize(ValueDeserializer::from(value.clone()));
        let value = value.map_err(|error| self.invalid(key, error.message()))?;
        read(&value).map(Some).map_err(|source| {
            let line = match &source {
                ModelError::Description { location, .. } => self.line_within(location),
                _ => self.line(key),
            };
            RunFileError::Description { path: self.path(), line, source }
        })
    }

    /// The line of a place such as `layers[3].conv.padding`, or of as much of it as there is.
    fn line_within(&self, location: &str) -> usize {
        let steps: Vec<&str> = location.split(['.', '[']).map(|step| step.trim_end_matches(']')).collect();
        let Some((first, rest)) = steps.split_first() else { return self.line };
        let Some(mut value) = self.table.get(*first) else { return self.line };
        for step in rest {
            let next = match value.as_ref() {
                DeValue::Array(list) => step.parse().ok().and_then(|k: usize| list.get(k)),
                DeValue::Table(table) => table.get(*step),
                _ => None,
            };
            let Some(next) = next else { break };
            value = next;
        }
        self.source.line(value.span())
    }

    /// The line on which a key's value begins, or that of the table without one.
    pub(super) fn line(&self, key: &str) -> usize {
        self.table.get(key).map_or(self.line, |value| self.source.line(value.span()))
    }

    pub(super) fn missing(&self, key: &'static str, advice: &str) -> RunFileError {
        RunFileError::MissingKey {
            key,
            place: self.place(),
            path: self.path(),
            line: self.line,
            advice: advice.to_owned(),
        }
    }

    /// A value that cannot be used, for this reason.
    pub(super) fn invalid(&self, key: &str, reason: impl Into<String>) -> RunFileError {
        RunFileError::Value {
            key: key.to_owned(),
            place: self.place(),
            path: self.path(),
            line: self.line(key),
            reason: reason.into(),
        }
    }

    /// A name that is none of these.
    pub(super) fn unknown_name(&self, key: &str, name: &str, known: &[&str]) -> RunFileError {
        self.invalid(key, format!("unknown name \"{name}\": {}", advice(name, known)))
    }

    /// A value of none of the types that the key can have.
    pub(super) fn wrong_type(&self, key: &str, expected: &'static str) -> RunFileError {
        let found = self.table.get(key).map_or_else(String::new, |value| {
            let text = self.source.text.get(value.span()).unwrap_or_default();
            let name = value.as_ref().type_str();
            let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
            if text.contains('\n') || text.len() > 60 || text.is_empty() {
                format!("{article} {name}")
            } else {
                format!("{article} {name}, {text}")
            }
        });
        RunFileError::Type {
            key: key.to_owned(),
            place: self.place(),
            path: self.path(),
            line: self.line(key),
            expected,
            found,
        }
    }

    fn place(&self) -> String {
        match self.keys[..] {
            [] => "at the top of the file".to_owned(),
            _ => format!("in [{}]", self.keys.join(".")),
        }
    }

    fn path(&self) -> PathBuf {
        self.source.path.to_owned()
    }
}

impl Value for bool {
    const NAME: &'static str = "true or false";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }
}

impl Value for u64 {
    const NAME: &'static str = "a whole number, not negative";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        let integer = value.as_integer()?;
        u64::from_str_radix(integer.as_str().trim_start_matches('+'), integer.radix()).ok()
    }
}

impl Value for usize {
    const NAME: &'static str = u64::NAME;
    fn read(value: &DeValue<'_>) -> Option<Self> {
        u64::read(value)?.try_into().ok()
    }
}

impl Value for f64 {
    const NAME: &'static str = "a finite number";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        let text = match value {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::Float(float) => float.as_str(),
            _ => return None,
        };
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

impl Value for String {
    const NAME: &'static str = "a text in quotes";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Value for ArrayPath {
    const NAME: &'static str = "the path of an array in quotes: file.npy or file.npz:key";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|text| !text.is_empty()).map(ArrayPath::from)
    }
}

impl Value for Vec<f64> {
    const NAME: &'static str = "a list of finite numbers";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        list(value)
    }
}

impl Value for Vec<usize> {
    const NAME: &'static str = "a list of whole numbers, not negative";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        list(value)
    }
}

impl Value for Vec<ArrayPath> {
    const NAME: &'static str = "a list of paths of arrays in quotes";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        list(value)
    }
}

impl Value for Vec<String> {
    const NAME: &'static str = "a list of texts in quotes";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        list(value)
    }
}

fn list<T: Value>(value: &DeValue<'_>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|item| T::read(item.as_ref())).collect()
}
