//! Pools of windows.

use super::listed::{Form, Listed};
use super::window::{EXAMPLE, Window};
use crate::builder::{BuildError, Builder};
use crate::layer::Layer;
use crate::windows::Padding;

/// The largest number of each window, per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxPool(pub Window);

/// A max-pool.
pub fn max_pool(window: &[usize], strides: &[usize], padding: Padding) -> Layer {
    MaxPool(Window::new(window, strides, padding)).into()
}

impl Listed for MaxPool {
    const NAME: &'static str = "max_pool";
    const ABOUT: &'static str = "the largest number of each window, per channel";
    const FORM: Form<Self> = Form::Settings {
        example: EXAMPLE,
        read: |item, _| Window::read_table(item).map(MaxPool),
        write: |pool, _| Ok(pool.0.write_table()),
    };

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        let windows = at.windows(&self.0.window, &self.0.strides, self.0.padding)?;
        at.largest(windows);
        Ok(())
    }
}
