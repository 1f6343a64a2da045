//! Names with values.

/// Names with what there is to say about each, both set to the left.
pub(crate) fn facts(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_set_to_the_left() {
        let rows = [("a", "long value".to_owned()), ("name", "b".to_owned())];
        assert_eq!(facts(&rows), "a     long value\nname  b\n");
    }
}
