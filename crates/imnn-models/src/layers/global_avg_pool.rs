//! Pools over all positions.

use super::listed::{Form, Listed};
use crate::builder::{BuildError, Builder};
use crate::layer::Layer;

/// The mean over all positions, one number per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalAvgPool;

/// The mean over all positions, one number per channel.
pub fn global_avg_pool() -> Layer {
    GlobalAvgPool.into()
}

impl Listed for GlobalAvgPool {
    const NAME: &'static str = "global_avg_pool";
    const ABOUT: &'static str = "the mean over all positions, one number per channel";
    const FORM: Form<Self> = Form::Name(GlobalAvgPool);

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        at.mean(at.global_window()?);
        Ok(())
    }
}
