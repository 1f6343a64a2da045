//! Pools over all positions.

use super::listed::{Form, Listed};
use crate::builder::{BuildError, Builder};
use crate::layer::Layer;

/// The maximum over all positions, one number per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalMaxPool;

/// The maximum over all positions, one number per channel.
pub fn global_max_pool() -> Layer {
    GlobalMaxPool.into()
}

impl Listed for GlobalMaxPool {
    const NAME: &'static str = "global_max_pool";
    const ABOUT: &'static str = "the maximum over all positions, one number per channel";
    const FORM: Form<Self> = Form::Name(GlobalMaxPool);

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        at.largest(at.global_window()?);
        Ok(())
    }
}
