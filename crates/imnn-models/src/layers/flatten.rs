//! All axes made one.

use super::listed::{Form, Listed};
use crate::builder::{BuildError, Builder};
use crate::layer::Layer;

/// One axis from all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten;

/// One axis from all.
pub fn flatten() -> Layer {
    Flatten.into()
}

impl Listed for Flatten {
    const NAME: &'static str = "flatten";
    const ABOUT: &'static str = "one axis from all";
    const FORM: Form<Self> = Form::Name(Flatten);

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        at.reshape(vec![at.shape.iter().product()])?;
        Ok(())
    }
}
