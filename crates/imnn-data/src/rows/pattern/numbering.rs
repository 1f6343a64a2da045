//! A part of a name in which a number stands.

use crate::DataError;

/// What stands around the number in one part of a path or of a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Numbering {
    prefix: String,
    suffix: String,
    /// The least number of digits, which shorter numbers are filled up to with zeros; without it any zeros are allowed.
    width: Option<usize>,
    /// Whether it is `{seeds}`, so that files may hold several rows.
    pub(super) several: bool,
}

/// A number as it is written in a name, or several that follow each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The number, or the first of several.
    pub seed: u64,
    /// The last of several, which is at least the first: the file then has a row for each.
    pub last: Option<u64>,
    /// How it is written.
    pub digits: Box<str>,
}

/// What every pattern has in it.
pub(super) const SEED: &str = "{seed";

/// What is said of several of them.
pub(super) const SEVERAL: &str = "there are several {seed}; one can be read";

impl Numbering {
    /// That of a part with `{seed}` in it, or why it is none.
    pub(super) fn of(part: &str) -> Result<Self, &'static str> {
        const ODD: &str = "write {seed}, or {seed:05} for numbers that are filled up with zeros to five digits, or {seeds} for files of several rows, as 0-999.npy";
        let (prefix, rest) = part.split_once(SEED).ok_or(ODD)?;
        if rest.contains(SEED) {
            return Err(SEVERAL);
        }
        let (format, suffix) = rest.split_once('}').ok_or(ODD)?;
        let width = match format.strip_prefix(":0") {
            None if format.is_empty() || format == "s" => None,
            None => return Err(ODD),
            Some(width) => {
                let width = width.trim_end_matches('d').parse().ok().filter(|width| (1..=20).contains(width));
                Some(width.ok_or(ODD)?)
            }
        };
        Ok(Self { prefix: prefix.to_owned(), suffix: suffix.to_owned(), width, several: format == "s" })
    }

    /// The name with this number in it, as it is written.
    pub(super) fn with(&self, digits: &str) -> String {
        format!("{}{digits}{}", self.prefix, self.suffix)
    }

    /// The name of a seed.
    pub(super) fn name(&self, seed: u64) -> String {
        let width = self.width.unwrap_or(0);
        self.with(&format!("{seed:0width$}"))
    }

    /// As it was written.
    pub(super) fn pattern(&self) -> String {
        self.with(&format!("{SEED}{}}}", self.width.map_or(String::new(), |width| format!(":0{width}"))))
    }

    pub(super) fn ends_with(&self, ending: &str) -> bool {
        self.suffix.ends_with(ending)
    }

    /// The number in a name, as it is written.
    pub(super) fn digits<'a>(&self, name: &'a str) -> Option<&'a str> {
        let digits = self.between(name)?;
        (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
    }

    /// What a name has in place of the number.
    fn between<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)
    }

    /// Whether a name has several numbers in place of one.
    pub(super) fn is_of_several(&self, name: &str) -> bool {
        self.between(name).is_some_and(|text| consecutive(text).is_some())
    }

    /// The number in a name, where it has one; `label` is the pattern.
    pub(super) fn number(&self, label: &str, name: &str) -> Result<Option<Numbered>, DataError> {
        if let Some((seed, last)) = self.between(name).filter(|_| self.several).and_then(consecutive) {
            let digits = self.between(name).unwrap_or_default().into();
            return Ok(Some(Numbered { seed, last: Some(last), digits }));
        }
        let Some(digits) = self.digits(name) else { return Ok(None) };
        let seed: u64 = digits.parse().map_err(|_| {
            let reason = format!("the number {digits} is beyond the range of seeds, 64 bits");
            DataError::unusable(label, reason)
        })?;
        if self.width.is_some_and(|width| format!("{seed:0width$}") != digits) {
            return Ok(None);
        }
        Ok(Some(Numbered { seed, last: None, digits: digits.into() }))
    }
}

/// The first and last of several numbers that follow each other, which are written `first-last`.
pub fn consecutive(text: &str) -> Option<(u64, u64)> {
    let number = |digits: &str| digits.parse().ok().filter(|number: &u64| number.to_string() == digits);
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}
