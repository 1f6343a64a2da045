//! What arrays may be used for in a run file, from their shapes.

use imnn_data::ArrayInfo;

/// What an array may be used for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Use {
    /// Simulations at the fiducial of this shape.
    Fiducial {
        /// How many.
        n_s: usize,
        /// The shape of one.
        input: Vec<usize>,
    },
    /// Simulations below and above.
    Numerical {
        /// How many.
        n_d: usize,
        /// The parameters.
        n_params: usize,
        /// The shape of one simulation.
        input: Vec<usize>,
    },
    /// Exact derivatives.
    Exact {
        /// How many.
        n_d: usize,
        /// The parameters.
        n_params: usize,
        /// The shape of one simulation.
        input: Vec<usize>,
    },
}

/// More parameters than this in a last axis are rather pixels.
const PARAMETERS: usize = 16;

/// What an array may be used for, the likeliest first; `others` are arrays that lie beside it, which decide where one fits.
pub fn uses(info: &ArrayInfo, others: &[ArrayInfo]) -> Vec<Use> {
    let [n, rest @ ..] = &info.shape[..] else { return vec![] };
    if rest.is_empty() || *n == 0 || rest.contains(&0) {
        return vec![];
    }
    let mut found = vec![];
    let beside = |input: &[usize]| others.iter().any(|other| other.shape.len() > 1 && other.shape[1..] == *input);
    if let [2, n_params, input @ ..] = rest
        && !input.is_empty()
        && *n_params <= PARAMETERS
    {
        found.push(Use::Numerical { n_d: *n, n_params: *n_params, input: input.to_vec() });
    }
    if let [input @ .., n_params] = rest
        && !input.is_empty()
        && *n_params <= PARAMETERS
    {
        found.push(Use::Exact { n_d: *n, n_params: *n_params, input: input.to_vec() });
    }
    found.push(Use::Fiducial { n_s: *n, input: rest.to_vec() });
    // Where the simulations that it would belong to lie beside it, there is no doubt.
    let fits = |of: &Use| match of {
        Use::Numerical { input, .. } | Use::Exact { input, .. } => beside(input),
        Use::Fiducial { input, .. } => others.iter().any(|other| {
            let shape = other.shape.get(1..).unwrap_or_default();
            matches!(shape, [2, _, rest @ ..] if rest == input) || matches!(shape, [rest @ .., _] if rest == input)
        }),
    };
    if let Some(one) = found.iter().find(|of| fits(of)) {
        return vec![one.clone()];
    }
    // A derivative with few values in its first axes is a guess; simulations are the plain answer.
    found.sort_by_key(|of| !matches!(of, Use::Numerical { .. } | Use::Fiducial { .. }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::ArrayPath;

    fn info(shape: &[usize]) -> ArrayInfo {
        let path = ArrayPath::from("x.npy");
        let (dtype, shape) = ("<f4".into(), shape.to_vec());
        ArrayInfo { path, format: "npy", dtype, shape, fortran_order: false, bytes: 0, compressed: None }
    }

    #[test]
    fn shapes_alone_leave_a_choice() {
        assert_eq!(uses(&info(&[10, 64]), &[]), [Use::Fiducial { n_s: 10, input: vec![64] }]);
        let found = uses(&info(&[10, 2, 3, 64]), &[]);
        assert_eq!(found[0], Use::Numerical { n_d: 10, n_params: 3, input: vec![64] });
        assert!(uses(&info(&[10]), &[]).is_empty() && uses(&info(&[]), &[]).is_empty());
        assert!(uses(&info(&[0, 3]), &[]).is_empty());
    }

    #[test]
    fn the_simulations_beside_decide() {
        let fiducial = info(&[100, 6]);
        let found = uses(&info(&[10, 6, 2]), std::slice::from_ref(&fiducial));
        assert_eq!(found, [Use::Exact { n_d: 10, n_params: 2, input: vec![6] }]);
        let found = uses(&info(&[10, 2, 2, 6]), std::slice::from_ref(&fiducial));
        assert_eq!(found, [Use::Numerical { n_d: 10, n_params: 2, input: vec![6] }]);
        assert_eq!(uses(&fiducial, &[info(&[10, 6, 2])]), [Use::Fiducial { n_s: 100, input: vec![6] }]);
    }
}
