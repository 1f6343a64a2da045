//! Which simulations a source gives.

use std::sync::atomic::{AtomicU64, Ordering};

/// Which simulations a [`Source`](crate::Source) gives: sources of the same identity, unless it is unknown, give the same
/// simulations with the same key.
///
/// ```
/// use imnn_data::Identity;
///
/// let files = Identity::constant();
/// assert_ne!(files, Identity::constant());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Any simulations: what was read once says nothing about the next time.
    #[default]
    Unknown,
    /// The same simulations with every key, for as long as the source lives.
    Constant(u64),
    /// Simulations that depend on the key.
    Keyed(u64),
}

impl Identity {
    /// The identity of new simulations that are the same with every key.
    pub fn constant() -> Self {
        Identity::Constant(next())
    }

    /// The identity of new simulations that depend on the key.
    pub fn keyed() -> Self {
        Identity::Keyed(next())
    }
}

/// A number that no other identity in this program has.
fn next() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::Identity;
    use crate::{
        Arrays, Augmentation, Augmented, HeldRows, OnTheFly, Simulation, Source, Streamed, Streaming, Transformed,
    };
    use imnn_sim::{GaussianMeanVariance, Key};
    use ndarray::{ArrayD, IxDyn};

    fn zeros(n: usize) -> ArrayD<f64> {
        ArrayD::zeros(IxDyn(&[n, 4]))
    }

    fn identity(source: &dyn Source<f64>) -> Identity {
        source.identity()
    }

    #[test]
    fn what_is_the_same_with_every_key_has_one_identity_and_what_is_not_another() {
        let arrays = Arrays::data(zeros(3), "x").unwrap();
        assert!(matches!(identity(&arrays), Identity::Constant(_)));
        let streamed = || Streamed::data(Box::new(HeldRows::new("x", zeros(3)))).unwrap();
        let one = streamed();
        assert!(matches!(identity(&one), Identity::Constant(_)) && identity(&one) != identity(&streamed()));

        let draws = || OnTheFly::new(GaussianMeanVariance { n_data: 4 }, &[0.0, 1.0], 3, 3).unwrap();
        let augmented =
            Augmented::new::<f64>(arrays.clone(), Augmentation { shift: true, ..Default::default() }).unwrap();
        let noise = |_: Key, _: &mut Simulation<'_, f64>| {};
        let noisy = Transformed::new(arrays, noise).unwrap();
        let (one, other) = (draws(), draws());
        let sources: [&dyn Source<f64>; 4] = [&one, &other, &augmented, &noisy];
        for (k, source) in sources.iter().enumerate() {
            assert!(matches!(identity(source), Identity::Keyed(_)), "{k}");
            assert!(sources[..k].iter().all(|earlier| identity(earlier) != identity(source)), "{k}");
        }
        // A copy makes the same simulations, and a pointer passes the identity on.
        assert_eq!(identity(&one.clone()), identity(&one));
        assert_eq!(identity(&std::sync::Arc::new(one.clone())), identity(&one));
    }

    #[test]
    fn other_rows_of_files_have_another_identity_and_other_ways_to_read_them_have_not() {
        let streamed = Streamed::data(Box::new(HeldRows::new("x", zeros(3)))).unwrap();
        let first = identity(&streamed);
        let cached = streamed.with(&Streaming { cache: 40, ..Default::default() }).unwrap();
        assert_eq!(identity(&cached), first);
        assert_ne!(identity(&cached.take(Some(2), None).unwrap()), first);
    }
}
