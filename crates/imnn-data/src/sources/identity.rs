//! Which simulations a source gives.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that no other set of simulations in this program has; a copy is the same set.
///
/// ```
/// use imnn_data::Identity;
///
/// let identity = Identity::new();
/// assert_eq!(identity.clone().number(), identity.number());
/// assert_ne!(Identity::new().number(), identity.number());
/// ```
#[derive(Clone, Debug)]
pub struct Identity(u64);

impl Identity {
    /// That of a new set of simulations.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Identity(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number.
    pub fn number(&self) -> u64 {
        self.0
    }
}

impl Default for Identity {
    fn default() -> Self {
        Identity::new()
    }
}

/// Simulations are compared by what they are: which copy of them is no difference.
impl PartialEq for Identity {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Arrays, Augmentation, Augmented, HeldRows, OnTheFly, Simulation, Source, Streamed, Streaming, Transformed,
    };
    use imnn_sim::{GaussianMeanVariance, Key};
    use ndarray::{ArrayD, IxDyn};

    fn names(source: &dyn Source<f64>) -> [Option<u64>; 2] {
        [source.constant(), source.identity()]
    }

    fn zeros(n: usize) -> ArrayD<f64> {
        ArrayD::zeros(IxDyn(&[n, 4]))
    }

    #[test]
    fn what_is_the_same_with_every_key_has_one_name_and_what_is_not_another() {
        let arrays = Arrays::data(zeros(3), "x").unwrap();
        let [constant, identity] = names(&arrays);
        assert!(constant.is_some() && constant == identity);
        let streamed = || Streamed::data(Box::new(HeldRows::new("x", zeros(3)))).unwrap();
        let [constant, identity] = names(&streamed());
        assert!(constant.is_some() && constant == identity && constant != names(&streamed())[0]);

        let draws = || OnTheFly::new(GaussianMeanVariance { n_data: 4 }, &[0.0, 1.0], 3, 3).unwrap();
        let augmented =
            Augmented::new::<f64>(arrays.clone(), Augmentation { shift: true, ..Default::default() }).unwrap();
        let noise = |_: Key, _: &mut Simulation<'_, f64>| {};
        let noisy = Transformed::new(arrays, noise).unwrap();
        let (one, other) = (draws(), draws());
        let sources: [&dyn Source<f64>; 4] = [&one, &other, &augmented, &noisy];
        for (k, source) in sources.iter().enumerate() {
            let [constant, identity] = names(source);
            assert!(constant.is_none() && identity.is_some(), "{k}");
            assert!(sources[..k].iter().all(|earlier| names(earlier)[1] != identity), "{k}");
        }
        // A copy makes the same simulations, and a pointer passes the name on.
        assert_eq!(names(&one.clone())[1], names(&one)[1]);
        assert_eq!(names(&std::sync::Arc::new(one.clone()))[1], names(&one)[1]);
    }

    #[test]
    fn other_rows_of_files_have_another_name_and_other_ways_to_read_them_have_not() {
        let streamed = Streamed::data(Box::new(HeldRows::new("x", zeros(3)))).unwrap();
        let name = names(&streamed);
        let cached = streamed.with(&Streaming { cache: 40, ..Default::default() }).unwrap();
        assert_eq!(names(&cached), name);
        assert_ne!(names(&cached.take(Some(2), None).unwrap())[0], name[0]);
    }
}
