//! What arrays may be used for in a run file, from their shapes.

use imnn_data::ArrayInfo;

/// What an array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Simulations, `(n, *input)`.
    Fiducial,
    /// Simulations below and above, `(n, 2, n_params, *input)`.
    Numerical,
    /// Exact derivatives, `(n, *input, n_params)`.
    Exact,
}

/// What an array may be used for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Use {
    /// As what.
    pub meaning: Meaning,
    /// How many rows there are.
    pub n: usize,
    /// The parameters; 0 for simulations at the fiducial.
    pub n_params: usize,
    /// The shape of one simulation.
    pub input: Vec<usize>,
}

/// More parameters than this in a last axis are rather pixels.
const PARAMETERS: usize = 16;

/// What an array may be used for, the likeliest first; `others` are arrays that lie beside it, which decide where one fits.
/// The array itself may be among them: it has other axes than what would fit it.
pub fn uses(info: &ArrayInfo, others: &[ArrayInfo]) -> Vec<Use> {
    let [n, rest @ ..] = &info.shape[..] else { return vec![] };
    if rest.is_empty() || *n == 0 || rest.contains(&0) {
        return vec![];
    }
    let mut found = vec![];
    let beside = |input: &[usize]| others.iter().any(|other| other.shape.len() > 1 && other.shape[1..] == *input);
    let mut add = |meaning, n_params: usize, input: &[usize]| {
        if !input.is_empty() && n_params <= PARAMETERS {
            found.push(Use { meaning, n: *n, n_params, input: input.to_vec() });
        }
    };
    if let [2, n_params, input @ ..] = rest {
        add(Meaning::Numerical, *n_params, input);
    }
    if let [input @ .., n_params] = rest {
        add(Meaning::Exact, *n_params, input);
    }
    add(Meaning::Fiducial, 0, rest);
    // Where the simulations that it would belong to lie beside it, there is no doubt.
    let fits = |Use { meaning, input, .. }: &Use| match meaning {
        Meaning::Numerical | Meaning::Exact => beside(input),
        Meaning::Fiducial => others.iter().any(|other| {
            let shape = other.shape.get(1..).unwrap_or_default();
            matches!(shape, [2, _, rest @ ..] if rest == input) || matches!(shape, [rest @ .., _] if rest == input)
        }),
    };
    if let Some(one) = found.iter().find(|of| fits(of)) {
        return vec![one.clone()];
    }
    // A derivative with few values in its first axes is a guess; simulations are the plain answer.
    found.sort_by_key(|of| of.meaning == Meaning::Exact);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::ArrayPath;

    fn info(shape: &[usize]) -> ArrayInfo {
        let path = ArrayPath::from("x.npy");
        let (dtype, shape) = ("<f4".into(), shape.to_vec());
        ArrayInfo {
            path,
            format: "npy",
            dtype,
            shape,
            columns: vec![],
            seeds: None,
            fortran_order: false,
            bytes: 0,
            compressed: None,
        }
    }

    #[test]
    fn shapes_alone_leave_a_choice() {
        assert_eq!(
            uses(&info(&[10, 64]), &[]),
            [Use { meaning: Meaning::Fiducial, n: 10, n_params: 0, input: vec![64] }]
        );
        let found = uses(&info(&[10, 2, 3, 64]), &[]);
        assert_eq!(found[0], Use { meaning: Meaning::Numerical, n: 10, n_params: 3, input: vec![64] });
        assert!(uses(&info(&[10]), &[]).is_empty() && uses(&info(&[]), &[]).is_empty());
        assert!(uses(&info(&[0, 3]), &[]).is_empty());
    }

    #[test]
    fn the_simulations_beside_decide() {
        let fiducial = info(&[100, 6]);
        let found = uses(&info(&[10, 6, 2]), std::slice::from_ref(&fiducial));
        assert_eq!(found, [Use { meaning: Meaning::Exact, n: 10, n_params: 2, input: vec![6] }]);
        let found = uses(&info(&[10, 2, 2, 6]), std::slice::from_ref(&fiducial));
        assert_eq!(found, [Use { meaning: Meaning::Numerical, n: 10, n_params: 2, input: vec![6] }]);
        assert_eq!(
            uses(&fiducial, &[info(&[10, 6, 2])]),
            [Use { meaning: Meaning::Fiducial, n: 100, n_params: 0, input: vec![6] }]
        );
    }
}
