//! A line of a table: its cells, and the number in each.

use imnn_io::text::shortened;

/// What comments begin with.
const COMMENTS: &[u8] = b"#%!";

/// What stands between the cells of a table, in all of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    Semicolon,
    Comma,
    /// Any number of blanks and tabs.
    Blank,
}

impl Separator {
    /// That of a line of numbers.
    pub(super) fn of(line: &[u8]) -> Self {
        match line {
            _ if line.contains(&b';') => Self::Semicolon,
            _ if line.contains(&b',') => Self::Comma,
            _ => Self::Blank,
        }
    }

    /// The cells of a line, without blanks around them; a separator at the end of the line begins no other.
    pub(super) fn cells(self, line: &[u8]) -> impl Iterator<Item = &[u8]> {
        let byte = match self {
            Self::Semicolon => b';',
            Self::Comma => b',',
            Self::Blank => b' ',
        };
        let blank = self == Self::Blank;
        let line = line.trim_ascii();
        let line = if blank { line } else { line.strip_suffix(&[byte]).unwrap_or(line) };
        let cells = line.split(move |&b| if blank { b.is_ascii_whitespace() } else { b == byte });
        cells.map(<[u8]>::trim_ascii).filter(move |cell| !blank || !cell.is_empty())
    }
}

/// A line without its comment, and the comment where there is nothing else.
pub(super) fn divided(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    let line = line.trim_ascii();
    let at = line.iter().position(|byte| COMMENTS.contains(byte)).unwrap_or(line.len());
    let (text, comment) = line.split_at(at);
    (text, text.is_empty().then_some(comment))
}

/// A comment without what it begins with.
pub(super) fn uncommented(comment: &[u8]) -> String {
    let text = String::from_utf8_lossy(comment);
    text.trim_start_matches(|c: char| c.is_ascii_whitespace() || COMMENTS.contains(&(c as u8))).trim_end().to_owned()
}

/// Whether a file whose name does not say what it is may be a table, by its first bytes.
pub(super) fn may_start(start: &[u8]) -> bool {
    let is_text = |&byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let first = start.trim_ascii_start().first();
    start.iter().all(is_text) && first.is_some_and(|first| first.is_ascii_digit() || b"#+-.%".contains(first))
}

/// The number in a cell, rounded to the nearest as `float` does it in Python.
pub(super) fn number(cell: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(cell).ok()?;
    text.parse().ok().or_else(|| fortran(text)?.parse().ok())
}

/// A number of Fortran: `1.5D+03`, or `1.5-103` where its exponent needs all three places.
fn fortran(text: &str) -> Option<String> {
    if let Some(at) = text.find(['d', 'D']) {
        return Some(format!("{}e{}", &text[..at], &text[at + 1..]));
    }
    let at = text.rfind(['+', '-']).filter(|&at| text.len() - at == 4 && text[..at].contains('.'))?;
    Some(format!("{}e{}", &text[..at], &text[at..]))
}

/// Why a cell is no number.
pub(super) fn why_not(cell: &[u8], separator: Separator) -> String {
    let text = shortened(&String::from_utf8_lossy(cell)).escape_debug().to_string();
    let decimal = |b: u8| cell.contains(&b) && cell.iter().all(|c| c.is_ascii_digit() || b",+-eE .".contains(c));
    match cell {
        [] => "is empty; write nan where there is no value".to_owned(),
        [b'*', rest @ ..] if rest.iter().all(|&b| b == b'*') => {
            format!("is `{text}`, which Fortran writes where a number does not fit its format; write it with more places")
        }
        _ if separator == Separator::Semicolon && decimal(b',') => {
            format!("is `{text}`; numbers need a point in place of a decimal comma: tr ',' '.' < FILE > OTHER")
        }
        _ if separator == Separator::Comma && decimal(b' ') => {
            format!(
                "is `{text}`; if the commas are decimal commas, replace them by points: tr ',' '.' < FILE > OTHER"
            )
        }
        _ => format!("is `{text}`, which is no number; lines that hold no numbers have to begin with #"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_python_and_fortran() {
        for (text, value) in [
            ("1", 1.0),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("+1e3", 1000.0),
            ("1.0D+05", 1e5),
            ("-2.5d-3", -2.5e-3),
            ("0.25-103", 0.25e-103),
            ("0.25+103", 0.25e103),
            ("1e-400", 0.0),
            ("0.1", 0.1),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(number(text.as_bytes()), Some(value), "{text}");
        }
        assert!(number(b"NaN").is_some_and(f64::is_nan));
        for text in ["", "x", "2005-01", "1,5", "1 2", "--1", "1.5-10", "D5", "0x10", "1_000", "********", "1.2.3"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn lines_are_divided() {
        let cells = |line: &str| {
            let (text, _) = divided(line.as_bytes());
            let cells = Separator::of(text).cells(text).map(|cell| String::from_utf8_lossy(cell).into_owned());
            cells.collect::<Vec<_>>()
        };
        assert_eq!(cells("  1\t2  3 # 4, 5"), ["1", "2", "3"]);
        assert_eq!(cells("1, 2,,3,\r"), ["1", "2", "", "3"]);
        assert_eq!(cells("1;2 % 3"), ["1", "2"]);
        assert!(cells("").is_empty() && cells("# only").is_empty());
        assert_eq!(divided(b" # k P ").1, Some(&b"# k P"[..]));
        assert_eq!(uncommented(b"## k P"), "k P");
        assert!(why_not(b"1,5", Separator::Semicolon).contains("tr ',' '.'"));
        assert!(why_not(b"5 2", Separator::Comma).contains("decimal commas"));
    }
}
