//! Whether the shapes of simulations and derivatives fit together, and what is likely wrong where they do not.

use crate::DataError;
use imnn_io::text::tuple;

/// An array's shape with its name for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labelled<'a> {
    pub(crate) label: &'a str,
    pub(crate) shape: &'a [usize],
}

impl Labelled<'_> {
    fn refuse<T>(self, expected: impl Into<String>, advice: impl Into<String>) -> Result<T, DataError> {
        Err(DataError::shape(self.label, self.shape, expected, advice))
    }
}

/// Checks simulations `(n_s, *input)` and returns the input shape.
pub(crate) fn simulations(fiducial: Labelled<'_>) -> Result<&[usize], DataError> {
    let expected = "(n_s, *input)";
    match fiducial.shape {
        [] | [_] => {
            fiducial.refuse(expected, "a simulation is at least a row; where it is one number, save x[:, None]")
        }
        [0, ..] => Err(DataError::NoRows { name: "n_s" }),
        [_, input @ ..] if input.contains(&0) => fiducial.refuse(expected, "a simulation without values holds nothing"),
        [_, input @ ..] => Ok(input),
    }
}

/// Checks exact derivatives `(n_d, *input, n_params)` against the simulations and returns the number of parameters.
pub(crate) fn exact(fiducial: Labelled<'_>, derivative: Labelled<'_>) -> Result<usize, DataError> {
    let input = simulations(fiducial)?;
    if let [n_d, inner @ .., n_params] = derivative.shape
        && inner == input
    {
        return counts(derivative, *n_d, *n_params);
    }
    let expected = format!("({}, n_params) {}", axes("n_d", input), as_in(fiducial));
    derivative.refuse(expected, exact_advice(input, derivative.shape))
}

/// Checks simulations below and above `(n_d, 2, n_params, *input)` and returns the number of parameters.
pub(crate) fn numerical(fiducial: Labelled<'_>, derivative: Labelled<'_>) -> Result<usize, DataError> {
    let input = simulations(fiducial)?;
    if let [n_d, 2, n_params, inner @ ..] = derivative.shape
        && inner == input
    {
        return counts(derivative, *n_d, *n_params);
    }
    let expected = format!("({}) {}", axes("n_d, 2, n_params", input), as_in(fiducial));
    derivative.refuse(expected, numerical_advice(input, derivative.shape))
}

/// Checks that arrays of the shape `found` can be viewed as `asked`.
pub(crate) fn check_view(label: &str, found: &[usize], asked: &[usize]) -> Result<(), DataError> {
    let len = asked.iter().try_fold(1usize, |len, &axis| len.checked_mul(axis));
    if len == Some(found.iter().product()) && !asked.is_empty() {
        return Ok(());
    }
    Err(DataError::Reshape { label: label.to_owned(), found: found.to_vec(), asked: asked.to_vec() })
}

fn counts(derivative: Labelled<'_>, n_d: usize, n_params: usize) -> Result<usize, DataError> {
    if n_d == 0 {
        return Err(DataError::NoRows { name: "n_d" });
    }
    if n_params == 0 {
        return derivative.refuse("at least one parameter", "it has none");
    }
    Ok(n_params)
}

fn exact_advice(input: &[usize], found: &[usize]) -> String {
    match found {
        [_, _, inner @ ..] if inner == input => {
            "the parameters are the second axis; move them last, np.moveaxis(x, 1, -1)".to_owned()
        }
        [_, 2, _, inner @ ..] if inner == input => {
            "these look like simulations below and above, (n_d, 2, n_params, *input); use kind = \"numerical\""
                .to_owned()
        }
        [_, inner @ ..] if inner == input => {
            "the axis of the parameters is missing; where there is one parameter, save x[..., None]".to_owned()
        }
        [_, inner @ .., _] if same_without_ones(inner, input) => channel(inner, input),
        [_, inner @ .., _] if inner.iter().product::<usize>() == input.iter().product::<usize>() => {
            reshape(inner, input)
        }
        _ => format!(
            "a simulation has shape {}; its derivatives need the same shape with the parameters as one more axis, last",
            tuple(input)
        ),
    }
}

fn numerical_advice(input: &[usize], found: &[usize]) -> String {
    match found {
        [_, _, 2, inner @ ..] if inner == input => {
            "below/above is the axis after the parameters; exchange them, np.swapaxes(x, 1, 2)".to_owned()
        }
        [2, _, _, inner @ ..] if inner == input => {
            "below/above is the first axis; move it behind the simulations, np.moveaxis(x, 0, 1)".to_owned()
        }
        [_, 2, inner @ ..] if inner == input => {
            "the axis of the parameters is missing; where there is one parameter, save x[:, :, None]; if the second axis is that of \
             two parameters, these are derivatives: np.moveaxis(x, 1, -1) and kind = \"exact\", divided by delta_theta if they \
             are differences"
                .to_owned()
        }
        [_, _, inner @ ..] if inner == input => {
            "below/above is missing; if these are derivatives, save np.moveaxis(x, 1, -1) and take kind = \"exact\", divided by \
             delta_theta if they are differences"
                .to_owned()
        }
        [_, 2, inner @ .., _] if inner == input => {
            "the parameters are the last axis; move them before the data, np.moveaxis(x, -1, 2)".to_owned()
        }
        [_, inner @ .., _] if inner == input => {
            "these look like exact derivatives, (n_d, *input, n_params); use kind = \"exact\"".to_owned()
        }
        [_, n, _, inner @ ..] if inner == input => {
            format!("the second axis is below and above and has length 2, not {n}")
        }
        [_, 2, _, inner @ ..] if same_without_ones(inner, input) => channel(inner, input),
        [_, 2, _, inner @ ..] if inner.iter().product::<usize>() == input.iter().product::<usize>() => {
            reshape(inner, input)
        }
        _ => format!(
            "a simulation has shape {}; below and above need the same shape behind the axes of simulations, of below/above and of parameters",
            tuple(input)
        ),
    }
}

/// Where the axis of so many parameters of simulations below and above seems to be, if not where it belongs.
pub(crate) fn axis_of_parameters(found: &[usize], n_params: usize) -> &'static str {
    match found {
        [n, 2, _, ..] if *n == n_params => {
            ": the simulations look like the third axis and the parameters like the first; save np.swapaxes(x, 0, 2)"
        }
        [2, n, _, ..] if *n == n_params => {
            ": the simulations look like the third axis; move them to the front, np.moveaxis(x, 2, 0)"
        }
        _ => "",
    }
}

fn same_without_ones(a: &[usize], b: &[usize]) -> bool {
    let axes = |shape: &[usize]| -> Vec<usize> { shape.iter().copied().filter(|&axis| axis != 1).collect() };
    axes(a) == axes(b)
}

fn channel(inner: &[usize], input: &[usize]) -> String {
    let (missing, has) = if inner.len() < input.len() {
        ("the derivatives", "the simulations")
    } else {
        ("the simulations", "the derivatives")
    };
    format!(
        "a simulation has shape {}, a derivative {}: {missing} lack an axis of length 1, such as channels, that {has} have; save both alike",
        tuple(input),
        tuple(inner)
    )
}

fn reshape(inner: &[usize], input: &[usize]) -> String {
    format!(
        "a simulation has shape {}, a derivative {}, as many values; reshape one as the other",
        tuple(input),
        tuple(inner)
    )
}

/// `n_d, 32, 32`
pub(crate) fn axes(first: &str, input: &[usize]) -> String {
    input.iter().fold(first.to_owned(), |text, axis| format!("{text}, {axis}"))
}

fn as_in(fiducial: Labelled<'_>) -> String {
    format!("as {} is {}", fiducial.label, tuple(fiducial.shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(Labelled<'_>, Labelled<'_>) -> Result<usize, DataError>;

    #[track_caller]
    fn run(check: Check, fiducial: &[usize], derivative: &[usize]) -> Result<usize, String> {
        let fiducial = Labelled { label: "f.npy", shape: fiducial };
        let derivative = Labelled { label: "d.npy", shape: derivative };
        check(fiducial, derivative).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(check: Check, fiducial: &[usize], derivative: &[usize], part: &str) {
        let message = run(check, fiducial, derivative).unwrap_err();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn fitting_shapes() {
        assert_eq!(run(exact, &[9, 4, 5], &[7, 4, 5, 2]), Ok(2));
        assert_eq!(run(numerical, &[9, 4, 5], &[7, 2, 3, 4, 5]), Ok(3));
    }

    #[test]
    fn simulations_have_rows_of_values() {
        refused(exact, &[9], &[7, 2], "f.npy has shape (9,), expected (n_s, *input): a simulation is");
        refused(exact, &[], &[7, 2], "f.npy has shape ()");
        refused(exact, &[9, 0], &[7, 0, 2], "holds nothing");
        refused(exact, &[0, 4], &[7, 4, 2], "n_s = 0: at least one");
        refused(exact, &[9, 4], &[0, 4, 2], "n_d = 0: at least one");
        refused(numerical, &[9, 4], &[7, 2, 0, 4], "at least one parameter");
    }

    #[test]
    fn likely_mistakes_with_exact_derivatives() {
        let message = run(exact, &[9, 4, 5], &[7, 2, 4, 5]).unwrap_err();
        assert_eq!(
            message,
            "d.npy has shape (7, 2, 4, 5), expected (n_d, 4, 5, n_params) as f.npy is (9, 4, 5): the parameters are the second axis; move them last, np.moveaxis(x, 1, -1)"
        );
        refused(exact, &[9, 4, 5], &[7, 2, 3, 4, 5], "use kind = \"numerical\"");
        refused(exact, &[9, 4, 5], &[7, 4, 5], "x[..., None]");
        refused(exact, &[9, 4, 5, 1], &[7, 4, 5, 2], "the derivatives lack an axis of length 1");
        refused(exact, &[9, 4, 5], &[7, 4, 5, 1, 2], "the simulations lack an axis of length 1");
        refused(exact, &[9, 4, 5], &[7, 20, 2], "reshape one as the other");
        refused(exact, &[9, 4, 5], &[7, 5, 6, 2], "with the parameters as one more axis, last");
        refused(exact, &[9, 4], &[7], "with the parameters as one more axis, last");
    }

    #[test]
    fn parameters_are_sought_on_other_axes() {
        assert!(axis_of_parameters(&[2, 2, 200, 64], 2).contains("third axis and the parameters like the first"));
        assert!(axis_of_parameters(&[3, 2, 200, 64], 3).contains("np.swapaxes(x, 0, 2)"));
        assert!(axis_of_parameters(&[2, 3, 200, 64], 3).contains("np.moveaxis(x, 2, 0)"));
        assert_eq!(axis_of_parameters(&[200, 2, 3, 64], 2), "");
    }

    #[test]
    fn likely_mistakes_with_numerical_derivatives() {
        let message = run(numerical, &[9, 4, 5], &[7, 4, 5, 3]).unwrap_err();
        assert_eq!(
            message,
            "d.npy has shape (7, 4, 5, 3), expected (n_d, 2, n_params, 4, 5) as f.npy is (9, 4, 5): these look like exact derivatives, (n_d, *input, n_params); use kind = \"exact\""
        );
        refused(numerical, &[9, 4, 5], &[7, 3, 2, 4, 5], "np.swapaxes(x, 1, 2)");
        refused(numerical, &[9, 4, 5], &[2, 7, 3, 4, 5], "np.moveaxis(x, 0, 1)");
        refused(numerical, &[9, 4, 5], &[7, 2, 4, 5], "x[:, :, None]");
        refused(numerical, &[9, 4, 5], &[7, 3, 4, 5], "np.moveaxis(x, 1, -1)");
        refused(numerical, &[9, 4, 5], &[7, 2, 4, 5, 3], "np.moveaxis(x, -1, 2)");
        refused(numerical, &[9, 4, 5], &[7, 3, 4, 4, 5], "has length 2, not 3");
        refused(numerical, &[9, 4, 5, 1], &[7, 2, 3, 4, 5], "the derivatives lack an axis");
        refused(numerical, &[9, 4, 5], &[7, 2, 3, 20], "reshape one as the other");
        refused(numerical, &[9, 4, 5], &[7, 2], "below and above need the same shape");
    }
}
