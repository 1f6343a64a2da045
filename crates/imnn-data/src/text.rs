//! Pieces of error messages.

/// A shape as Python writes it: `(3, 4)`, `(3,)`, `()`.
pub(crate) fn tuple(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        _ => {
            let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("({})", axes.join(", "))
        }
    }
}

/// `1 row`, `2 rows`.
pub(crate) fn plural(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// The names in an archive, as the end of a sentence.
pub(crate) fn keys(there: &[String]) -> String {
    match there {
        [] => "it holds no arrays".to_owned(),
        _ => {
            const SHOWN: usize = 20;
            let shown: Vec<&str> = there.iter().take(SHOWN).map(String::as_str).collect();
            let more = if there.len() > SHOWN { format!(" and {} more", there.len() - SHOWN) } else { String::new() };
            format!("it has {}{more}", shown.join(", "))
        }
    }
}

/// `1 of 100 values is`, `3 of 100 values are`.
pub(crate) fn one_per(count: usize, len: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{count} of {} {verb}", plural(len, "value"))
}

/// The product of the axes, or the largest number where it does not fit.
pub(crate) fn saturating_product(shape: &[usize]) -> usize {
    shape.iter().fold(1, |product, &axis| product.saturating_mul(axis))
}

/// The index of the element at `at` in an array of this shape, row-major or Fortran order.
pub(crate) fn unravel(mut at: usize, shape: &[usize], fortran_order: bool) -> Vec<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_in_either_order() {
        assert_eq!(unravel(5, &[2, 3], false), [1, 2]);
        assert_eq!(unravel(3, &[2, 3], false), [1, 0]);
        assert_eq!(unravel(3, &[2, 3], true), [1, 1]);
        assert_eq!(unravel(0, &[], false), []);
    }

    #[test]
    fn shapes_read_as_in_python() {
        assert_eq!(tuple(&[]), "()");
        assert_eq!(tuple(&[3]), "(3,)");
        assert_eq!(tuple(&[3, 4]), "(3, 4)");
    }

    #[test]
    fn long_lists_of_keys_are_cut() {
        let there: Vec<String> = (0..23).map(|i| format!("k{i}")).collect();
        assert!(keys(&there).ends_with("k19 and 3 more"));
        assert_eq!(keys(&[]), "it holds no arrays");
    }
}
