//! Arrays seen with another shape of each simulation.

use imnn_data::{ArrayPath, DataError};
use imnn_io::text::saturating_product;

use crate::inspect::Meaning;

/// The shape of an array whose simulations have the shape `input`.
pub(super) fn viewed(
    label: &ArrayPath,
    shape: &[usize],
    input: &[usize],
    meaning: Option<Meaning>,
) -> Result<Vec<usize>, DataError> {
    let len = saturating_product(input);
    let refuse = || {
        Err(DataError::Reshape {
            label: label.to_string(),
            found: shape.get(1..).unwrap_or_default().to_vec(),
            asked: input.to_vec(),
        })
    };
    let [n, rest @ ..] = shape else { return refuse() };
    if len == 0 || input.is_empty() || rest.contains(&0) {
        return refuse();
    }
    let row_len: usize = rest.iter().product();
    let is = |of: Meaning| meaning.is_none_or(|meaning| meaning == of);
    match rest {
        _ if is(Meaning::Fiducial) && row_len == len => Ok([&[*n], input].concat()),
        [2, n_params, data @ ..] if is(Meaning::Numerical) && data.iter().product::<usize>() == len => {
            Ok([&[*n, 2, *n_params], input].concat())
        }
        _ if is(Meaning::Exact) && row_len.is_multiple_of(len) => Ok([&[*n], input, &[row_len / len]].concat()),
        _ => refuse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_is_seen_within_each_layout() {
        let view = |shape: &[usize], meaning| viewed(&ArrayPath::from("x"), shape, &[4, 4, 1], meaning);
        assert_eq!(view(&[9, 16], None).unwrap(), [9, 4, 4, 1]);
        assert_eq!(view(&[9, 2, 3, 16], None).unwrap(), [9, 2, 3, 4, 4, 1]);
        assert_eq!(view(&[9, 48], None).unwrap(), [9, 4, 4, 1, 3]);
        assert_eq!(view(&[9, 16], Some(Meaning::Exact)).unwrap(), [9, 4, 4, 1, 1]);
        assert!(view(&[9, 16], Some(Meaning::Numerical)).is_err());
        for odd in [&[9][..], &[], &[9, 17], &[9, 0]] {
            assert!(view(odd, None).is_err(), "{odd:?}");
        }
        assert!(viewed(&ArrayPath::from("x"), &[9, 16], &[0], None).is_err());
    }
}
