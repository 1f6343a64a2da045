//! Approximate Bayesian computation: simulations near the target are draws of the posterior, nearly.

mod accept;
mod adjust;
pub mod distance;
mod posterior;
mod rejection;
mod simulate;

pub use accept::{Accept, PerTarget};
pub use adjust::Adjust;
pub(crate) use adjust::adjusted;
pub use distance::{Distance, Metric};
pub use rejection::{Abc, Accepted};
pub(crate) use simulate::summaries_of;
pub use simulate::{Budget, Simulate, blocks_of, each_of};
