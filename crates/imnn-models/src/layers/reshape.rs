//! The same numbers in other axes.

use super::listed::{Form, Listed};
use crate::builder::{BuildError, Builder};
use crate::layer::Layer;
use crate::settings::Setting;

/// Another shape of the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reshape(pub Vec<usize>);

/// Another shape of the same size.
pub fn reshape(shape: &[usize]) -> Layer {
    Reshape(shape.to_vec()).into()
}

impl Listed for Reshape {
    const NAME: &'static str = "reshape";
    const ABOUT: &'static str = "another shape of the same size, channels last";
    const FORM: Form<Self> = Form::Settings {
        example: "[4, 4, 1]",
        read: |item, _| Setting::read(item).map(Reshape),
        write: |reshape, _| Ok(reshape.0.write()),
    };

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        at.reshape(self.0.clone())?;
        Ok(())
    }
}
