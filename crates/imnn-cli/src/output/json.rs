//! Numbers and arrays as JSON, in full precision.

use ndarray::{ArrayRef, ArrayViewD, Axis, Dimension};
use serde_json::Value;

/// A number, or `null` where it is not finite: JSON has no other way to write that.
pub(crate) fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// An array as nested lists.
pub(crate) fn array<D: Dimension>(array: &ArrayRef<f64, D>) -> Value {
    nested(array.view().into_dyn())
}

fn nested(array: ArrayViewD<'_, f64>) -> Value {
    match array.ndim() {
        0 => array.iter().next().map_or(Value::Null, |&value| number(value)),
        _ => array.axis_iter(Axis(0)).map(nested).collect(),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{arr0, arr1, arr2};

    use super::*;

    #[test]
    fn arrays_are_nested_and_exact() {
        assert_eq!(array(&arr2(&[[1.0, 0.1], [1e300, -2.0]])).to_string(), "[[1.0,0.1],[1e+300,-2.0]]");
        assert_eq!(array(&arr1(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY])).to_string(), "[null,null,null]");
        assert_eq!(array(&arr0(0.25)).to_string(), "0.25");
        let value = 0.1 + 0.2;
        assert_eq!(number(value).to_string().parse::<f64>().unwrap(), value);
    }
}
