//! Moments of what a network makes of simulations, in parts of the simulations that are independent of each other.

use crate::error::Result;
use crate::rows::Rows;
use imnn_data::{Source, Subset};
use imnn_device::{Session, Task};
use imnn_models::Element;
use imnn_sim::Key;
use imnn_stats::{FeatureMoments, FisherEstimate, Statistics};
use std::ops::Range;

/// Numbers of one forward pass at most: 32 MiB of what is added up.
const NUMBERS: usize = 1 << 22;

/// Iterations whose number of new simulations weights are compared and measured on.
const COMPARED_ON: usize = 40;

/// Ways to see a simulation beyond which more tell little new: a square has eight symmetries, drawn at random.
const LARGEST_WAYS: usize = 12;

/// The simulations of a source with these keys; with each, a source of files gives the same simulations, perhaps seen another
/// way.
pub(crate) struct Simulations<'a, E: Element> {
    pub(crate) source: &'a dyn Source<E>,
    pub(crate) keys: Vec<Key>,
}

/// Adds to moments what is made of the simulations of a source with a key.
type Add<'a, E> = dyn FnMut(&dyn Source<E>, Key, &mut FeatureMoments) -> Result<()> + 'a;

impl<'a, E: Element> Simulations<'a, E> {
    /// The simulations of one key.
    pub(crate) fn once(source: &'a dyn Source<E>, key: Key) -> Self {
        Simulations { source, keys: vec![key] }
    }

    /// About `n` simulations from a source that another key makes new ones of, or sees another way; those of a source that
    /// is always the same, once.
    pub(crate) fn about(n: usize, source: &'a dyn Source<E>, key: Key) -> Self {
        let changes = !matches!(source.identity(), imnn_data::Identity::Constant(_));
        let most = if source.simulates_anew() { usize::MAX } else { LARGEST_WAYS };
        let passes = if changes { n.div_ceil(source.n_s()).clamp(1, most) } else { 1 };
        Simulations { source, keys: key.fold_in_each(0..passes as u64).collect() }
    }

    /// So many new simulations of a simulator that weights can be compared and their statistics measured on them.
    pub(crate) fn to_compare(simulator: &'a dyn Source<E>, key: Key) -> Self {
        Simulations::about(COMPARED_ON * simulator.n_s(), simulator, key)
    }

    /// The statistics of the summaries that the network of `session`, with these weights, makes of them, and the information with
    /// its error from as many of them as `NUMBERS` hold.
    ///
    /// # Errors
    /// As [`Simulations::moments`], and if the statistics are singular.
    pub(crate) fn statistics(
        &self,
        session: &mut dyn Session<E>,
        weights: &[E],
        n_summaries: usize,
    ) -> Result<(Statistics, FisherEstimate)> {
        let mut rows = Rows::up_to(NUMBERS);
        let all = self.moments_of(n_summaries, 1, &mut |source, key, moments| {
            let found = session.forward(&Task { weights, source, key }, false)?;
            rows.add(found);
            Ok(moments.add(found.x.view(), found.dx.view())?)
        })?;
        let all = all.into_iter().next().unwrap_or(FeatureMoments::new(0, 0));
        let statistics = Statistics::from_moments(all.mean().view(), all.covariance().view(), all.dmu().view())?;
        Ok((statistics, rows.information()?))
    }

    /// The moments of what the network of `session`, with these weights, makes of them, in `n_parts` parts.
    ///
    /// # Errors
    /// As [`Session::forward`], and if what the network makes is not finite.
    pub(crate) fn moments(
        &self,
        session: &mut dyn Session<E>,
        weights: &[E],
        n_features: usize,
        n_parts: usize,
    ) -> Result<Vec<FeatureMoments>> {
        self.moments_of(n_features, n_parts, &mut |source, key, moments| {
            let found = session.forward(&Task { weights, source, key }, false)?;
            Ok(moments.add(found.x.view(), found.dx.view())?)
        })
    }

    /// The moments of a number of functions of them, which `add` adds for some of the simulations, in `n_parts` parts of the
    /// rows: what is seen several ways stays in one part. If each of the keys makes new simulations and there are enough of
    /// them, a part is that of some keys.
    ///
    /// # Errors
    /// Those of `add`.
    pub(crate) fn moments_of(
        &self,
        n_functions: usize,
        n_parts: usize,
        add: &mut Add<'_, E>,
    ) -> Result<Vec<FeatureMoments>> {
        let (n_s, n_d, n_params) = (self.source.n_s(), self.source.n_d(), self.source.n_params());
        let mut parts = vec![FeatureMoments::new(n_functions, n_params); n_parts];
        let by_key = self.source.simulates_anew() && self.keys.len() >= n_parts;
        let most = (NUMBERS / (n_functions * (1 + n_params))).max(1);
        for (pass, &key) in self.keys.iter().enumerate() {
            for (k, moments) in parts.iter_mut().enumerate() {
                if by_key && pass % n_parts != k {
                    continue;
                }
                let share = |rows: Range<usize>| match by_key {
                    true => rows,
                    false => rows.start + rows.len() * k / n_parts..rows.start + rows.len() * (k + 1) / n_parts,
                };
                for rows in [share(0..n_d), share(n_d..n_s)] {
                    for start in rows.clone().step_by(most) {
                        let part = Subset::new(self.source, start..rows.end.min(start + most))?;
                        add(&part, key, moments)?;
                    }
                }
            }
        }
        // Another way to see a simulation is not another simulation.
        let times = if self.source.simulates_anew() { 1 } else { self.keys.len() };
        Ok(parts.into_iter().map(|part| part.seen(times)).collect())
    }
}
