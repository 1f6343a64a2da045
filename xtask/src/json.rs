//! A reader of JSON, as much as a manifest needs.

/// A JSON value; objects keep the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value, which has to be the whole text.
    pub fn parse(text: &str) -> Result<Json, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.blanks();
        if reader.at < text.len() { Err(reader.expected("the end")) } else { Ok(value) }
    }

    /// The member of an object.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.object()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The members of an object.
    pub fn object(&self) -> Option<&[(String, Json)]> {
        if let Json::Object(members) = self { Some(members) } else { None }
    }

    /// The elements of an array.
    pub fn array(&self) -> Option<&[Json]> {
        if let Json::Array(elements) = self { Some(elements) } else { None }
    }

    /// A string.
    pub fn string(&self) -> Option<&str> {
        if let Json::String(string) = self { Some(string) } else { None }
    }

    /// A number.
    pub fn number(&self) -> Option<f64> {
        if let Json::Number(number) = self { Some(*number) } else { None }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Json, String> {
        self.blanks();
        match self.peek() {
            Some('{') => Ok(Json::Object(self.sequence('}', |reader| {
                reader.blanks();
                let key = reader.string()?;
                reader.blanks();
                reader.skip(":")?;
                Ok((key, reader.value()?))
            })?)),
            Some('[') => Ok(Json::Array(self.sequence(']', Self::value)?)),
            Some('"') => Ok(Json::String(self.string()?)),
            Some('t') => self.skip("true").map(|()| Json::Bool(true)),
            Some('f') => self.skip("false").map(|()| Json::Bool(false)),
            Some('n') => self.skip("null").map(|()| Json::Null),
            _ => self.number(),
        }
    }

    /// What stands between brackets, separated by commas.
    fn sequence<T>(
        &mut self,
        end: char,
        mut element: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        self.at += 1;
        let mut elements = Vec::new();
        self.blanks();
        if self.peek() == Some(end) {
            self.at += 1;
            return Ok(elements);
        }
        loop {
            elements.push(element(self)?);
            self.blanks();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(found) if found == end => {
                    self.at += 1;
                    return Ok(elements);
                }
                _ => return Err(self.expected(&format!("`,` or `{end}`"))),
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.skip("\"")?;
        let mut string = String::new();
        while let Some(found) = self.peek() {
            self.at += found.len_utf8();
            match found {
                '"' => return Ok(string),
                '\\' => {
                    let escaped = self.peek().ok_or_else(|| self.expected("an escaped character"))?;
                    self.at += escaped.len_utf8();
                    string.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'u' => self.code_point()?,
                        other => other,
                    });
                }
                other => string.push(other),
            }
        }
        Err(self.expected("`\"`"))
    }

    /// Four hexadecimal digits; a half of a surrogate pair becomes the replacement character.
    fn code_point(&mut self) -> Result<char, String> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = digits.ok_or_else(|| self.expected("four hexadecimal digits"))?;
        self.at += 4;
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
        let number = rest[..end].parse().map_err(|_| self.expected("a value"))?;
        self.at += end;
        Ok(Json::Number(number))
    }

    fn skip(&mut self, literal: &str) -> Result<(), String> {
        if !self.text[self.at..].starts_with(literal) {
            return Err(self.expected(&format!("`{literal}`")));
        }
        self.at += literal.len();
        Ok(())
    }

    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn expected(&self, what: &str) -> String {
        let line = 1 + self.text[..self.at].matches('\n').count();
        format!("expected {what} in line {line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind() {
        let text = "{\"a\": [1, -2.5e3, []],\n \"b\\n\\u00e9\": \"c\\\"d\", \"e\": {}, \"f\": [true, false, null]}";
        let value = Json::parse(text).unwrap();
        let numbers = value.get("a").unwrap().array().unwrap();
        assert_eq!(numbers[1].number(), Some(-2500.0));
        assert_eq!(numbers[2], Json::Array(vec![]));
        assert_eq!(value.get("b\né").unwrap().string(), Some("c\"d"));
        assert_eq!(value.get("e").unwrap().object(), Some(&[][..]));
        let words = Json::Array(vec![Json::Bool(true), Json::Bool(false), Json::Null]);
        assert_eq!(value.get("f"), Some(&words));
    }

    #[test]
    fn faults_name_the_line() {
        for (text, message) in [
            ("{\"a\": 1,\n 2}", "expected `\"` in line 2"),
            ("[1 2]", "expected `,` or `]` in line 1"),
            ("[1]\n\nx", "expected the end in line 3"),
            ("", "expected a value in line 1"),
            ("\"abc", "expected `\"` in line 1"),
        ] {
            assert_eq!(Json::parse(text), Err(message.to_owned()), "{text:?}");
        }
    }
}
