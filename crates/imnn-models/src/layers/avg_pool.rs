//! Pools of windows.

use super::listed::{Form, Listed};
use super::window::{EXAMPLE, Window};
use crate::builder::{BuildError, Builder};
use crate::layer::Layer;
use crate::windows::Padding;

/// The mean of each window over the positions inside the data, per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct AvgPool(pub Window);

/// An average pool.
pub fn avg_pool(window: &[usize], strides: &[usize], padding: Padding) -> Layer {
    AvgPool(Window::new(window, strides, padding)).into()
}

impl Listed for AvgPool {
    const NAME: &'static str = "avg_pool";
    const ABOUT: &'static str = "the mean of each window over the positions inside the data, per channel";
    const FORM: Form<Self> = Form::Settings {
        example: EXAMPLE,
        read: |item, _| Window::read_table(item).map(AvgPool),
        write: |pool, _| Ok(pool.0.write_table()),
    };

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        let windows = at.windows(&self.0.window, &self.0.strides, self.0.padding)?;
        at.mean(windows);
        Ok(())
    }
}
