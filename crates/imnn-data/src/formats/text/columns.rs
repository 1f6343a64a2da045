//! The columns of a table: their names, and which of them a key asks for.

use imnn_io::text::plural;

/// The names that a header gives to `n` columns, if it does.
pub(super) fn names(header: &str, n: usize) -> Option<Vec<String>> {
    let owned = |parts: Vec<&str>| parts.into_iter().map(str::to_owned).collect::<Vec<String>>();
    let at = |separator: char| owned(header.split(separator).map(str::trim).collect());
    let wide = || owned(header.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect());
    let words = || owned(header.split_whitespace().collect());
    let ways: [&dyn Fn() -> Vec<String>; 6] =
        [&|| at(';'), &|| at(','), &|| at('\t'), &wide, &words, &|| with_units(header)];
    let parts = ways.iter().map(|way| way()).find(|parts| parts.len() == n)?;
    let names: Vec<String> = parts.iter().map(|part| plain(part)).collect();
    // A comment of as many words as there are columns may be about something else.
    let is_number = |name: &String| super::cells::number(name.as_bytes()).is_some();
    let are_names = names.iter().any(|name| !name.is_empty()) && !(n > 1 && names.iter().any(is_number));
    are_names.then_some(names)
}

/// A name without quotes, and without the number that some programs write before it: `2:P` is `P`.
fn plain(name: &str) -> String {
    let name = name.trim_matches(['"', '\'']).trim();
    match name.split_once(':') {
        Some((number, rest)) if number.parse::<usize>().is_ok() && !rest.is_empty() => rest.trim().to_owned(),
        _ => name.to_owned(),
    }
}

/// Words, with units in brackets joined to the words that they follow: `k [h/Mpc] P(k)`.
fn with_units(header: &str) -> Vec<String> {
    let mut parts: Vec<String> = vec![];
    let mut open = 0;
    for word in header.split_whitespace() {
        let depth = |open: char, close: char| word.matches(open).count() as isize - word.matches(close).count() as isize;
        match parts.last_mut().filter(|_| open > 0 || word.starts_with(['[', '('])) {
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => parts.push(word.to_owned()),
        }
        open += depth('[', ']') + depth('(', ')');
    }
    parts
}

/// A name without the unit behind it.
fn without_unit(name: &str) -> &str {
    name.split_once([' ', '\t']).filter(|(_, unit)| unit.trim_start().starts_with(['[', '('])).map_or(name, |(name, _)| name)
}

/// The columns that a key asks for: a number from 0, a name, or several of these with commas between, `1-3` for three.
///
/// # Errors
/// If there is no such column, with those that there are.
pub(super) fn asked(key: &str, names: &[String], n: usize) -> Result<Vec<usize>, String> {
    if let Some(column) = one(key, names, n) {
        return Ok(vec![column]);
    }
    let mut columns = vec![];
    for part in key.split(',').map(str::trim) {
        match (one(part, names, n), range(part, n)) {
            (Some(column), _) => columns.push(column),
            (None, Some((first, last))) => columns.extend(first..=last),
            (None, None) => return Err(format!("has no column `{part}`; it has {}", listed(names, n))),
        }
    }
    Ok(columns)
}

fn one(key: &str, names: &[String], n: usize) -> Option<usize> {
    if let Ok(number) = key.parse::<usize>() {
        return (number < n).then_some(number);
    }
    let place = |same: &dyn Fn(&str) -> bool| names.iter().position(|name| same(name));
    place(&|name| name == key)
        .or_else(|| place(&|name| without_unit(name) == key))
        .or_else(|| place(&|name| without_unit(name).eq_ignore_ascii_case(key)))
}

fn range(part: &str, n: usize) -> Option<(usize, usize)> {
    let (first, last) = part.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last && last < n).then_some((first, last))
}

/// What columns there are, for messages.
fn listed(names: &[String], n: usize) -> String {
    const SHOWN: usize = 20;
    if names.is_empty() {
        return match n {
            1 => "one column, 0".to_owned(),
            _ => format!("{}, 0 to {}, without names", plural(n, "column"), n - 1),
        };
    }
    let shown: Vec<String> =
        names.iter().take(SHOWN).enumerate().map(|(number, name)| format!("{number} {name}")).collect();
    let more = if n > SHOWN { format!(" and {} more", n - SHOWN) } else { String::new() };
    format!("the columns {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_columns_in_many_ways() {
        for (header, expected) in [
            ("k P(k)", &["k", "P(k)"][..]),
            ("k,P(k)", &["k", "P(k)"]),
            ("\"k\";\"P\"", &["k", "P"]),
            ("k [h/Mpc]   P(k) [(Mpc/h)^3]", &["k [h/Mpc]", "P(k) [(Mpc/h)^3]"]),
            ("k [h/Mpc] P(k) [(Mpc/h)^3]", &["k [h/Mpc]", "P(k) [(Mpc/h)^3]"]),
            ("k (h / Mpc) P", &["k (h / Mpc)", "P"]),
            ("1:k (h/Mpc)              2:P (Mpc/h)^3", &["k (h/Mpc)", "P (Mpc/h)^3"]),
        ] {
            assert_eq!(names(header, 2).as_deref(), Some(&expected.iter().map(|&s| s.to_owned()).collect::<Vec<_>>()[..]));
        }
        for header in ["realisation 5", "z = 0.5", "power", "", "1 2"] {
            assert_eq!(names(header, 2), None, "{header}");
        }
    }

    #[test]
    fn keys_are_numbers_names_and_several() {
        let names = ["k [h/Mpc]", "P(k)", "error"].map(str::to_owned);
        let found = |key| asked(key, &names, 3);
        assert_eq!(found("1"), Ok(vec![1]));
        assert_eq!(found("k"), Ok(vec![0]));
        assert_eq!(found("k [h/Mpc]"), Ok(vec![0]));
        assert_eq!(found("p(k)"), Ok(vec![1]));
        assert_eq!(found("2,0"), Ok(vec![2, 0]));
        assert_eq!(found("P(k), error"), Ok(vec![1, 2]));
        assert_eq!(found("0-2"), Ok(vec![0, 1, 2]));
        assert_eq!(found("3").unwrap_err(), "has no column `3`; it has the columns 0 k [h/Mpc], 1 P(k), 2 error");
        assert!(asked("x", &[], 2).unwrap_err().ends_with("it has 2 columns, 0 to 1, without names"));
        assert!(asked("x", &[], 1).unwrap_err().ends_with("it has one column, 0"));
    }
}
