//! Names with the first and the last of several seeds, `0-999.npy`.

use imnn_data::consecutive;

/// What stands before and after the last number in a name; the whole name where it has none.
pub(super) fn around_number(name: &str) -> (String, String) {
    let from = name.rfind('/').map_or(0, |at| at + 1);
    let stem = name[from..].rfind('.').map_or(name.len(), |at| from + at);
    let Some(end) = name[from..stem].rfind(|c: char| c.is_ascii_digit()).map(|at| from + at + 1) else {
        return (name.to_owned(), String::new());
    };
    let digits = name[from..end].bytes().rev().take_while(u8::is_ascii_digit).count();
    (name[..end - digits].to_owned(), name[end..].to_owned())
}

/// What stands before and after the numbers of several rows in a name, such as `0-999`.
pub(super) fn around_several(name: &str) -> Option<(String, String)> {
    let (before, after) = around_number(name);
    let end = name.len() - after.len();
    let digits = before.strip_suffix('-')?;
    let start = digits.len() - digits.chars().rev().take_while(char::is_ascii_digit).count();
    consecutive(&name[start..end])?;
    Some((before[..start].to_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_of_a_name_is_the_seed() {
        let around = |name: &str| around_number(name);
        assert_eq!(around("lens_z1_0042.npy"), ("lens_z1_".to_owned(), ".npy".to_owned()));
        assert_eq!(around("7é.npy"), (String::new(), "é.npy".to_owned()));
        assert_eq!(around("é7.npy"), ("é".to_owned(), ".npy".to_owned()));
        assert_eq!(around("x.npy"), ("x.npy".to_owned(), String::new()));
        assert_eq!(around("f1/x.npy"), ("f1/x.npy".to_owned(), String::new()));
        assert_eq!(around("f1/x2.h5"), ("f1/x".to_owned(), ".h5".to_owned()));
        assert_eq!(around_several("f/a1-2b.npy"), Some(("f/a".to_owned(), "b.npy".to_owned())));
        assert_eq!(around_several("2-1.npy"), None);
    }
}
