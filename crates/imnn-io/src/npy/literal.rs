//! The few Python literals that the header of a `.npy` file is written in.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// `'<f8'`
    Text(String),
    /// `12`, or `12L` as Python 2 wrote it.
    Integer(u64),
    /// `True` or `False`
    Bool(bool),
    /// `(3, 4)` or `[3, 4]`
    Sequence(Vec<Literal>),
    /// `{'descr': '<f8'}`
    Dict(Vec<(Literal, Literal)>),
}

/// Reads one literal that fills the whole text, blanks aside.
pub(super) fn parse(text: &str) -> Result<Literal, String> {
    let mut parser = Parser { bytes: text.as_bytes(), at: 0 };
    let literal = parser.literal(MAX_DEPTH)?;
    match parser.peek() {
        None => Ok(literal),
        Some(_) => Err(parser.wrong("the end")),
    }
}

/// Deeper than any header; keeps a hostile one from exhausting the stack.
const MAX_DEPTH: usize = 16;

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn literal(&mut self, depth: usize) -> Result<Literal, String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("brackets are nested more than {MAX_DEPTH} deep"));
        };
        match self.peek() {
            Some(b'{') => Ok(Literal::Dict(self.items(b'}', |parser| parser.entry(depth))?)),
            Some(b'(') => Ok(Literal::Sequence(self.items(b')', |parser| parser.literal(depth))?)),
            Some(b'[') => Ok(Literal::Sequence(self.items(b']', |parser| parser.literal(depth))?)),
            Some(quote @ (b'\'' | b'"')) => self.text(quote),
            Some(b'0'..=b'9') => self.integer(),
            Some(b'u' | b'b') if matches!(self.bytes.get(self.at + 1), Some(b'\'' | b'"')) => {
                self.at += 1;
                self.text(self.bytes[self.at])
            }
            Some(b'T' | b'F') => self.bool(),
            _ => Err(self.wrong("a literal")),
        }
    }

    /// The next byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// What stands between brackets, divided by commas.
    fn items<T>(&mut self, close: u8, item: impl Fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        self.at += 1;
        while !self.take(close) {
            items.push(item(self)?);
            if !self.take(b',') && self.peek() != Some(close) {
                return Err(self.wrong(&format!("`,` or `{}`", char::from(close))));
            }
        }
        Ok(items)
    }

    fn entry(&mut self, depth: usize) -> Result<(Literal, Literal), String> {
        let key = self.literal(depth)?;
        if self.take(b':') { Ok((key, self.literal(depth)?)) } else { Err(self.wrong("`:`")) }
    }

    fn text(&mut self, quote: u8) -> Result<Literal, String> {
        let start = self.at + 1;
        let Some(length) = self.bytes[start..].iter().position(|&byte| byte == quote) else {
            return Err(format!("the text that begins at byte {} has no end", self.at));
        };
        self.at = start + length + 1;
        // The quotes are ASCII, so the text between them is whole UTF-8.
        Ok(Literal::Text(String::from_utf8_lossy(&self.bytes[start..start + length]).into_owned()))
    }

    fn integer(&mut self) -> Result<Literal, String> {
        let start = self.at;
        let digits = self.bytes[start..].iter().take_while(|byte| byte.is_ascii_digit());
        let value =
            digits.clone().try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
        self.at += digits.count();
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'L'));
        value.map(Literal::Integer).ok_or_else(|| format!("the number at byte {start} is too large"))
    }

    fn bool(&mut self) -> Result<Literal, String> {
        for (word, value) in [("True", true), ("False", false)] {
            if self.bytes[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(Literal::Bool(value));
            }
        }
        Err(self.wrong("True or False"))
    }

    fn wrong(&mut self, expected: &str) -> String {
        match self.peek() {
            Some(byte) => format!("found `{}` at byte {}, expected {expected}", byte.escape_ascii(), self.at),
            None => format!("it ends at byte {}, expected {expected}", self.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_numpy_writes() {
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4L), }   \n";
        let Literal::Dict(entries) = parse(text).unwrap() else { panic!("not a dict") };
        assert_eq!(entries[0].1, Literal::Text("<f8".into()));
        assert_eq!(entries[1].1, Literal::Bool(false));
        let shape = vec![Literal::Integer(3), Literal::Integer(4)];
        assert_eq!(entries[2], (Literal::Text("shape".into()), Literal::Sequence(shape)));
        assert_eq!(parse("()").unwrap(), Literal::Sequence(vec![]));
        assert_eq!(parse("u'é'").unwrap(), Literal::Text("é".into()));
    }

    #[test]
    fn says_what_is_wrong_where() {
        for (text, message) in [
            ("", "it ends at byte 0, expected a literal"),
            ("{'a' 1}", "found `1` at byte 5, expected `:`"),
            ("(1 2)", "found `2` at byte 3, expected `,` or `)`"),
            ("(1,", "it ends at byte 3, expected a literal"),
            ("'abc", "the text that begins at byte 0 has no end"),
            ("(-1,)", "found `-` at byte 1, expected a literal"),
            ("99999999999999999999", "the number at byte 0 is too large"),
            ("Tru", "found `T` at byte 0, expected True or False"),
            ("1 1", "found `1` at byte 2, expected the end"),
        ] {
            assert_eq!(parse(text).unwrap_err(), message, "{text}");
        }
        assert!(parse(&"(".repeat(100_000)).unwrap_err().contains("nested"));
    }
}
