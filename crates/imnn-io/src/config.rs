//! TOML files read key by key. Whatever is wrong with one is said with its file, line and key.
//!
//! ```
//! use imnn_io::Document;
//!
//! let text = "theta_fid = [0.0, 1.0]\n[fit]\npatiense = 10\n";
//! let document = Document::parse(text, "run.toml")?;
//! let root = document.root();
//! let theta_fid: Vec<f64> = root.required("theta_fid", "the fiducial parameters, as theta_fid = [0.0, 1.0]")?;
//! let fit = root.section("fit")?.unwrap();
//! assert_eq!(
//!     fit.only(&["patience", "max_iterations"]).unwrap_err().to_string(),
//!     "run.toml line 3: fit: unknown key \"patiense\"; did you mean \"patience\"?"
//! );
//! # Ok::<(), imnn_io::ConfigError>(())
//! ```

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
pub use toml::de::DeValue;
use toml::de::{DeTable, ValueDeserializer};

use crate::FileError;
use crate::nearest::advice;
use crate::text::{parse_bytes, shortened};

/// Why a TOML file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something in it is wrong.
    #[error("{} line {line}: {}{message}", path.display(), before(location, ": "))]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The keys that lead to the place, such as `network.layers[2].conv`; empty at the top of the file.
        location: String,
        /// What was found, what was expected, and what to write.
        message: String,
    },
}

/// The text of a TOML file, parsed.
#[derive(Debug)]
pub struct Document<'t> {
    path: PathBuf,
    text: &'t str,
    table: Spanned<DeTable<'t>>,
}

/// A table in a document.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    source: Source<'a>,
    table: &'a DeTable<'a>,
    location: String,
    line: usize,
}

/// A value in a document.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    source: Source<'a>,
    value: &'a Spanned<DeValue<'a>>,
    location: String,
}

#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

/// A type that a key can have.
pub trait Value: Sized {
    /// What it is called in a message: `a finite number`.
    const NAME: &'static str;
    /// What several are called: `finite numbers`.
    const PLURAL: &'static str;

    /// The value, if it is of this type.
    fn read(value: &DeValue<'_>) -> Option<Self>;

    /// What is expected, in a message.
    fn expected() -> String {
        Self::NAME.to_owned()
    }
}

impl<'t> Document<'t> {
    /// Parses a text; `path` is the name of its file in messages.
    ///
    /// # Errors
    /// If it is not TOML.
    pub fn parse(text: &'t str, path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path = path.into();
        match DeTable::parse(text) {
            Ok(table) => Ok(Self { path, text, table }),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let message = not_toml(text, span.start, error.message());
                let source = Source { path: &path, text };
                Err(source.error(span, String::new(), message))
            }
        }
    }

    /// The table of all keys.
    pub fn root(&self) -> Section<'_> {
        let source = Source { path: &self.path, text: self.text };
        Section { source, table: self.table.as_ref(), location: String::new(), line: 1 }
    }
}

impl<'a> Section<'a> {
    /// Refuses any key but these.
    ///
    /// # Errors
    /// For another key, with the one that was probably meant.
    pub fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        match self.table.keys().find(|key| !known.contains(&key.as_ref().as_ref())) {
            None => Ok(()),
            Some(key) => Err(self.unknown_key(key.as_ref(), key.span(), known)),
        }
    }

    fn unknown_key(&self, key: &str, span: Range<usize>, known: &[&str]) -> ConfigError {
        let message = format!("unknown key \"{}\"; {}", shortened(key), advice(key, known));
        self.source.error(span, self.location.clone(), message)
    }

    /// The keys, in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.table.keys().map(|key| key.as_ref().as_ref())
    }

    /// The keys, in the order in which they are written.
    pub fn keys_as_written(&self) -> Vec<&'a str> {
        let mut keys: Vec<_> = self.table.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        keys.into_iter().map(|key| key.as_ref().as_ref()).collect()
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// What a key is set to, if it is there.
    pub fn item(&self, key: &str) -> Option<Item<'a>> {
        let value = self.table.get(key)?;
        Some(Item { source: self.source, value, location: self.location_of(key) })
    }

    /// The value of a key, if it is there.
    ///
    /// # Errors
    /// If it has another type.
    pub fn optional<T: Value>(&self, key: &str) -> Result<Option<T>, ConfigError> {
        self.item(key).map(|item| item.read()).transpose()
    }

    /// The value of a key, or `default` without it.
    ///
    /// # Errors
    /// As [`Section::optional`].
    pub fn or<T: Value>(&self, key: &str, default: T) -> Result<T, ConfigError> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    /// The value of a key that must be there; `advice` says what to write.
    ///
    /// # Errors
    /// If the key is missing, or as [`Section::optional`].
    pub fn required<T: Value>(&self, key: &str, advice: &str) -> Result<T, ConfigError> {
        self.optional(key)?.ok_or_else(|| self.missing(key, advice))
    }

    /// The meaning of the word that a key is set to, if it is there.
    ///
    /// # Errors
    /// If it is not one of these words.
    pub fn choice<T: Clone>(&self, key: &str, words: &[(&str, T)]) -> Result<Option<T>, ConfigError> {
        self.item(key).map(|item| item.choice(words)).transpose()
    }

    /// A table inside this one, if there is one.
    ///
    /// # Errors
    /// If the key is there and not a table.
    pub fn section(&self, key: &str) -> Result<Option<Section<'a>>, ConfigError> {
        self.item(key).map(|item| item.section()).transpose()
    }

    /// The table read into a type by serde.
    ///
    /// # Errors
    /// What serde refuses, at the line and key where it stands.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let keys: Vec<&str> = self.keys().collect();
        self.settings_of(&keys, |values| T::deserialize(values))
    }

    /// These keys of the table read into a type by serde; the others are read elsewhere.
    ///
    /// # Errors
    /// As [`Section::settings`].
    pub fn settings_of<T>(
        &self,
        keys: &[&str],
        read: impl FnOnce(ValueDeserializer<'_>) -> Result<T, toml::de::Error>,
    ) -> Result<T, ConfigError> {
        let mut table = DeTable::new();
        for (key, value) in self.table.iter().filter(|(key, _)| keys.contains(&key.as_ref().as_ref())) {
            table.insert(key.clone(), value.clone());
        }
        read(ValueDeserializer::from(Spanned::new(0..0, DeValue::Table(table)))).map_err(|error| {
            let Some(span) = error.span().filter(|span| !span.is_empty()) else {
                return self.invalid_here(in_words(error.message()));
            };
            if let Some((key, known)) = unknown_field(error.message()) {
                return self.unknown_key(key, span, &known);
            }
            let inside = |value: &Spanned<DeValue<'_>>| {
                let place = value.span();
                place.start <= span.start && span.end <= place.end
            };
            let key = self.table.iter().find(|(_, value)| inside(value)).map(|(key, _)| key.as_ref());
            let location = key.map_or(self.location.clone(), |key| self.location_of(key));
            self.source.error(span, location, in_words(error.message()))
        })
    }

    /// The error for a key that is missing; `advice` says what to write.
    pub fn missing(&self, key: &str, advice: &str) -> ConfigError {
        self.invalid_here(format!("the key \"{key}\" is missing: {advice}"))
    }

    /// The error for a name that is none of those known.
    pub fn unknown_name(&self, key: &str, name: &str, known: &[&str]) -> ConfigError {
        self.invalid(key, unknown_name(name, known))
    }

    /// The error for a value that cannot be used.
    pub fn invalid(&self, key: &str, reason: impl Into<String>) -> ConfigError {
        match self.item(key) {
            Some(item) => item.invalid(reason),
            None => self.source.at_line(self.line, self.location_of(key), reason.into()),
        }
    }

    /// The error of the type that the settings in this table belong to, at the key that its message names.
    pub fn refused(&self, error: impl std::fmt::Display) -> ConfigError {
        let message = error.to_string();
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let named = |key: &&str| {
            let mut places = message.match_indices(*key).map(|(start, _)| start);
            places.find(|&start| {
                let end = start + key.len();
                !message[..start].ends_with(is_part) && !message[end..].starts_with(is_part)
            })
        };
        match self.keys().filter(|key| named(key).is_some()).min_by_key(named) {
            Some(key) => self.invalid(key, message),
            None => self.invalid_here(message),
        }
    }

    /// The error for a table that cannot be used.
    pub fn invalid_here(&self, reason: impl Into<String>) -> ConfigError {
        self.source.at_line(self.line, self.location.clone(), reason.into())
    }

    fn location_of(&self, key: &str) -> String {
        format!("{}{key}", before(&self.location, "."))
    }
}

impl<'a> Item<'a> {
    /// The value.
    ///
    /// # Errors
    /// If it has another type.
    pub fn read<T: Value>(&self) -> Result<T, ConfigError> {
        T::read(self.value.as_ref()).ok_or_else(|| self.wrong_type(&T::expected()))
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&'a str> {
        self.value.as_ref().as_str()
    }

    /// The table, if it is one.
    pub fn as_section(&self) -> Option<Section<'a>> {
        let table = self.value.as_ref().as_table()?;
        let (source, location) = (self.source, self.location.clone());
        Some(Section { source, table, location, line: source.line(self.value.span()) })
    }

    /// The table.
    ///
    /// # Errors
    /// If it is not one.
    pub fn section(&self) -> Result<Section<'a>, ConfigError> {
        self.as_section().ok_or_else(|| self.wrong_type("a table"))
    }

    /// The items of a list; `what` says what is in it, in a message.
    ///
    /// # Errors
    /// If it is not a list.
    pub fn list(&self, what: &str) -> Result<Vec<Item<'a>>, ConfigError> {
        let Some(list) = self.value.as_ref().as_array() else {
            return Err(self.wrong_type(&format!("a list of {what}")));
        };
        let item = |(k, value)| Item { source: self.source, value, location: format!("{}[{k}]", self.location) };
        Ok(list.iter().enumerate().map(item).collect())
    }

    /// The error for a value of another type than `expected`.
    pub fn wrong_type(&self, expected: &str) -> ConfigError {
        self.invalid(format!("expected {expected}, found {}", self.found()))
    }

    /// The error for a value that cannot be used.
    pub fn invalid(&self, reason: impl Into<String>) -> ConfigError {
        self.source.error(self.value.span(), self.location.clone(), reason.into())
    }

    /// The meaning of the word.
    ///
    /// # Errors
    /// If it is not one of these words.
    pub fn choice<T: Clone>(&self, words: &[(&str, T)]) -> Result<T, ConfigError> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let Some(name) = self.as_str() else {
            return Err(self.wrong_type(&format!("one of {}", names.join(", "))));
        };
        match words.iter().find(|(word, _)| *word == name) {
            Some((_, meaning)) => Ok(meaning.clone()),
            None => Err(self.invalid(unknown_name(name, &names))),
        }
    }

    /// The type of the value with its text, if that is short.
    fn found(&self) -> String {
        let text = self.source.text.get(self.value.span()).unwrap_or_default();
        let name = match self.value.as_ref().type_str() {
            "array" => "list",
            "string" => "text",
            "boolean" => return text.to_owned(),
            "float" => "number",
            name => name,
        };
        let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
        match text.is_empty() || text.contains('\n') || text.len() > 60 {
            true => format!("{article} {name}"),
            false => format!("the {name} {text}"),
        }
    }
}

impl Source<'_> {
    fn line(&self, span: Range<usize>) -> usize {
        1 + self.text.bytes().take(span.start).filter(|&byte| byte == b'\n').count()
    }

    fn error(&self, span: Range<usize>, location: String, message: String) -> ConfigError {
        self.at_line(self.line(span), location, message)
    }

    fn at_line(&self, line: usize, location: String, message: String) -> ConfigError {
        ConfigError::Content { path: self.path.to_owned(), line, location, message }
    }
}

fn unknown_name(name: &str, known: &[&str]) -> String {
    format!("unknown name \"{}\"; {}", shortened(name), advice(name, known))
}

/// A text with what follows it, unless there is none.
fn before(text: &str, follows: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{text}{follows}") }
}

/// What the parser refused, with the line as it is written.
fn not_toml(text: &str, at: usize, reason: &str) -> String {
    let start = text[..at.min(text.len())].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default().trim();
    let value = line.split_once('=').map_or("", |(_, value)| value.trim());
    let is_word = value.starts_with(|c: char| c.is_alphabetic() || "./~".contains(c));
    let hint = if is_word { "; write texts in quotes, as in key = \"text\"" } else { "" };
    format!("not valid TOML: {reason}, in `{}`{hint}", shortened(line))
}

/// The key and the known keys in serde's "unknown field `a`, expected one of `b`, `c`".
fn unknown_field(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message.strip_prefix("unknown field `")?.split('`').step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

/// What serde says, in the words of this reader.
fn in_words(message: &str) -> String {
    let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or(message.strip_prefix("invalid value: "))
        .and_then(|m| m.rsplit_once(", expected "))
    else {
        return message.replace('`', "\"").replacen("missing field ", "missing key ", 1);
    };
    let expected = match expected {
        "f64" | "f32" => "a number",
        "usize" | "u64" | "u32" => u64::NAME,
        "a boolean" => bool::NAME,
        "a sequence" => "a list",
        "a string" => String::NAME,
        other => other,
    };
    format!("expected {expected}, found {}", found.replace('`', "").replacen("string", "the text", 1))
}

impl Value for bool {
    const NAME: &'static str = "true or false";
    const PLURAL: &'static str = "true and false";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }
}

impl Value for u64 {
    const NAME: &'static str = "a whole number, not negative";
    const PLURAL: &'static str = "whole numbers, not negative";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        let integer = value.as_integer()?;
        u64::from_str_radix(integer.as_str().trim_start_matches('+'), integer.radix()).ok()
    }
}

impl Value for usize {
    const NAME: &'static str = u64::NAME;
    const PLURAL: &'static str = u64::PLURAL;
    fn read(value: &DeValue<'_>) -> Option<Self> {
        u64::read(value)?.try_into().ok()
    }
}

/// A number of bytes, written as `1000`, `"4 GiB"` or `"500 MB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Value for Bytes {
    const NAME: &'static str = "an amount of memory such as \"4 GiB\" or \"500 MB\"";
    const PLURAL: &'static str = "amounts of memory";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        u64::read(value).or_else(|| parse_bytes(value.as_str()?)).map(Self)
    }
}

impl Value for f64 {
    const NAME: &'static str = "a finite number";
    const PLURAL: &'static str = "finite numbers";
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
    const PLURAL: &'static str = "texts in quotes";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl<T: Value> Value for Vec<T> {
    const NAME: &'static str = "a list";
    const PLURAL: &'static str = "lists";
    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_array()?.iter().map(|item| T::read(item.as_ref())).collect()
    }
    fn expected() -> String {
        format!("a list of {}", T::PLURAL)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    const TEXT: &str = r#"a = 1
b = -2.5
name = "tahn"
[table]
list = [1, "two", { x = 3 }]
inner.flag = true
"#;

    #[track_caller]
    fn fails<T: std::fmt::Debug>(read: impl FnOnce(Section<'_>) -> Result<T, ConfigError>, expected: &str) {
        let document = Document::parse(TEXT, "f.toml").unwrap();
        assert_eq!(read(document.root()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn values_have_types() {
        let document = Document::parse(TEXT, "f.toml").unwrap();
        let root = document.root();
        assert_eq!(root.keys().collect::<Vec<_>>(), ["a", "b", "name", "table"]);
        let unordered = Document::parse("c = 1\na = 2\n[d]\n[b]\n", "f.toml").unwrap();
        assert_eq!(unordered.root().keys_as_written(), ["c", "a", "d", "b"]);
        assert_eq!((root.required("a", "").ok(), root.or("c", 7usize).ok()), (Some(1u64), Some(7)));
        assert_eq!((root.optional::<f64>("a").unwrap(), root.required::<f64>("b", "").unwrap()), (Some(1.0), -2.5));
        let table = root.section("table").unwrap().unwrap();
        assert_eq!(table.section("inner").unwrap().unwrap().optional("flag").unwrap(), Some(true));
        let list = table.item("list").unwrap().list("things").unwrap();
        assert_eq!((list[0].read::<u64>().unwrap(), list[1].as_str()), (1, Some("two")));
        assert_eq!(list[2].section().unwrap().required::<f64>("x", "").unwrap(), 3.0);
        assert_eq!(root.section("none").unwrap().is_none(), !root.has("none"));
        let error = table.required::<u64>("list", "").unwrap_err();
        assert_eq!(
            error.to_string(),
            "f.toml line 5: table.list: expected a whole number, not negative, found the list [1, \"two\", { x = 3 }]"
        );
    }

    #[test]
    fn faults_are_named_with_file_line_and_key() {
        fails(
            |root| root.only(&["a", "b", "nam", "table"]),
            "f.toml line 3: unknown key \"name\"; did you mean \"nam\"?",
        );
        fails(
            |root| root.required::<u64>("n_s", "write n_s = 1000"),
            "f.toml line 1: the key \"n_s\" is missing: write n_s = 1000",
        );
        fails(|root| root.section("a").map(|_| ()), "f.toml line 1: a: expected a table, found the integer 1");
        fails(
            |root| root.optional::<Vec<f64>>("name"),
            "f.toml line 3: name: expected a list of finite numbers, found the text \"tahn\"",
        );
        fails(
            |root| root.choice("name", &[("relu", 1), ("tanh", 2)]),
            "f.toml line 3: name: unknown name \"tahn\"; did you mean \"tanh\"?",
        );
        fails(
            |root| root.section("table")?.unwrap().item("list").unwrap().list("numbers")?[1].read::<f64>(),
            "f.toml line 5: table.list[1]: expected a finite number, found the text \"two\"",
        );
        fails(
            |root| root.section("table")?.unwrap().required::<bool>("other", "write other = true"),
            "f.toml line 4: table: the key \"other\" is missing: write other = true",
        );
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Settings {
        n_data: usize,
        #[serde(default)]
        length: f64,
    }

    #[test]
    fn settings_are_read_by_serde() {
        let document = Document::parse("kind = 1\nn_data = 3", "f.toml").unwrap();
        let read = document.root().settings_of(&["n_data", "length"], |values| Settings::deserialize(values)).unwrap();
        assert_eq!((read.n_data, read.length), (3, 0.0));
        for (text, expected) in [
            ("n_date = 3", "line 2: s: unknown key \"n_date\"; did you mean \"n_data\"?"),
            ("n_data = -3", "line 2: s.n_data: expected a whole number, not negative, found integer -3"),
            ("n_data = 3\nlength = \"x\"", "line 3: s.length: expected a number, found the text \"x\""),
            ("length = 2", "line 1: s: missing key \"n_data\""),
        ] {
            let text = format!("[s]\n{text}");
            let document = Document::parse(&text, "f.toml").unwrap();
            let message =
                document.root().section("s").unwrap().unwrap().settings::<Settings>().unwrap_err().to_string();
            assert_eq!(message, format!("f.toml {expected}"));
        }
    }

    #[test]
    fn what_a_type_refuses_is_placed_at_its_key() {
        let document = Document::parse("x_min = 2\nx = 1\ny = 3", "f.toml").unwrap();
        let message = |text: &str| document.root().refused(text).to_string();
        assert_eq!(message("x is above x_min"), "f.toml line 2: x: x is above x_min");
        assert_eq!(message("x_max is below x_min"), "f.toml line 1: x_min: x_max is below x_min");
        assert_eq!(message("nothing"), "f.toml line 1: nothing");
    }

    #[test]
    fn what_is_not_toml_is_shown() {
        let message = |text: &str| Document::parse(text, "f.toml").unwrap_err().to_string();
        let unquoted = message("a = 1\nfiducial = f.npy\n");
        assert!(unquoted.starts_with("f.toml line 2: not valid TOML: "), "{unquoted}");
        assert!(unquoted.ends_with("in `fiducial = f.npy`; write texts in quotes, as in key = \"text\""), "{unquoted}");
        assert!(message("x = ").contains("in `x =`"), "{}", message("x = "));
    }
}
