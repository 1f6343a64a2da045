//! Shapes, counts and amounts of memory in messages.

use crate::series::{Named, put_together};

/// A shape as Python writes it: `(3, 4)`, `(3,)`, `()`.
pub fn tuple(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        _ => {
            let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("({})", axes.join(", "))
        }
    }
}

/// `1 row`, `2 rows`.
pub fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// The names in an archive, as the end of a sentence.
pub fn keys(there: &[String]) -> String {
    match there {
        [] => "it holds no arrays".to_owned(),
        _ => {
            const SHOWN: usize = 20;
            let many =
                |named: &Named| if named.n > 1 { format!("{} ({})", named.name, named.n) } else { named.name.clone() };
            // Arrays by the thousand, one for each seed, are one name.
            let there: Vec<String> = match there.len() > SHOWN {
                true => put_together(there).iter().map(many).collect(),
                false => there.to_vec(),
            };
            let shown: Vec<&str> = there.iter().take(SHOWN).map(String::as_str).collect();
            let more = if there.len() > SHOWN { format!(" and {} more", there.len() - SHOWN) } else { String::new() };
            format!("it has {}{more}", shown.join(", "))
        }
    }
}

/// `1 of 100 values is`, `3 of 100 values are`.
pub fn one_per(count: usize, len: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{count} of {} {verb}", plural(len, "value"))
}

/// The product of the axes, or the largest number where it does not fit.
pub fn saturating_product(shape: &[usize]) -> usize {
    shape.iter().fold(1, |product, &axis| product.saturating_mul(axis))
}

/// The index of the element at `at` in an array of this shape, row-major or Fortran order.
pub fn unravel(mut at: usize, shape: &[usize], fortran_order: bool) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    let mut next = |axis: usize| {
        let length = shape[axis].max(1);
        index[axis] = at % length;
        at /= length;
    };
    if fortran_order {
        (0..shape.len()).for_each(&mut next);
    } else {
        (0..shape.len()).rev().for_each(&mut next);
    }
    index
}

/// The beginning of a text, so that a message stays readable whatever was written.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}

/// A number of bytes for people: `512 B`, `1.5 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    match power {
        0 => format!("{bytes} B"),
        _ => format!("{:.1} {}", bytes as f64 / 1024f64.powi(power as i32), UNITS[power as usize]),
    }
}

/// The number of bytes that a person writes as `4 GiB`, `500 MB` or `1000`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..split].trim().parse().ok()?;
    let unit: f64 = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024f64.powi(2),
        "gib" => 1024f64.powi(3),
        "tib" => 1024f64.powi(4),
        _ => return None,
    };
    let bytes = number * unit;
    (bytes.is_finite() && (0.0..9.0e18).contains(&bytes)).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_in_either_order() {
        assert_eq!(unravel(5, &[2, 3], false), [1, 2]);
        assert_eq!(unravel(3, &[2, 3], false), [1, 0]);
        assert_eq!(unravel(3, &[2, 3], true), [1, 1]);
        assert_eq!(unravel(0, &[], false), [0_usize; 0]);
    }

    #[test]
    fn shapes_read_as_in_python() {
        assert_eq!(tuple(&[]), "()");
        assert_eq!(tuple(&[3]), "(3,)");
        assert_eq!(tuple(&[3, 4]), "(3, 4)");
    }

    #[test]
    fn long_lists_of_keys_are_cut() {
        let there: Vec<String> = (b'a'..=b'w').map(|c| format!("k{}", char::from(c))).collect();
        assert!(keys(&there).ends_with("kt and 3 more"));
        assert_eq!(keys(&[]), "it holds no arrays");
        let there: Vec<String> = (0..40).map(|seed| format!("fid/{seed}")).chain(["mask".to_owned()]).collect();
        assert_eq!(keys(&there), "it has fid/{seed} (40), mask");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(50)), format!("{}...", "é".repeat(40)));
    }

    #[test]
    fn amounts_of_memory() {
        for (text, expected) in [
            ("4 GiB", Some(4 << 30)),
            ("1.5GB", Some(1_500_000_000)),
            ("512mib", Some(512 << 20)),
            ("1000", Some(1000)),
            ("7 B", Some(7)),
            ("", None),
            ("GiB", None),
            ("4 GiBs", None),
            ("-1 GB", None),
            ("1e400 B", None),
        ] {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
        assert_eq!((bytes(0), bytes(1023), bytes(1536 << 20)), ("0 B".into(), "1023 B".into(), "1.5 GiB".into()));
    }
}
