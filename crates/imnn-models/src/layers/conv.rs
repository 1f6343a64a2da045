//! Convolutions.

use super::listed::{Form, Listed};
use crate::builder::{BuildError, Builder};
use crate::initialise::Initialiser;
use crate::layer::Layer;
use crate::settings::settings;
use crate::windows::Padding;

/// A convolution over one, two or three spatial axes. Channels are the last axis;
/// `y[o] = sum_k x[s o + k - low] W[k] + b`, the kernel is not flipped.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Number of output channels.
    pub filters: usize,
    /// Kernel size along each spatial axis.
    pub kernel: Vec<usize>,
    /// Stride along each spatial axis; empty means 1 everywhere.
    pub strides: Vec<usize>,
    /// What lies beyond the edge.
    pub padding: Padding,
    /// How weights start; the default is [`Initialiser::GlorotNormal`].
    pub weight: Initialiser,
    /// How biases start; the default is normal with standard deviation 1e-6.
    pub bias: Initialiser,
}

/// A convolution with `filters` output channels; one kernel and stride entry per spatial axis.
///
/// ```
/// use imnn_models::{conv, Padding};
/// let layer = conv(8, &[3, 3], &[2, 2], Padding::Same);
/// # let _ = layer;
/// ```
pub fn conv(filters: usize, kernel: &[usize], strides: &[usize], padding: Padding) -> Layer {
    Conv::new(filters, kernel, strides, padding).into()
}

settings!(Conv {
    filters: "8",
    kernel: "[3, 3]",
    strides = Vec::<usize>::new(),
    padding: "\"same\"",
    weight = Initialiser::GlorotNormal,
    bias = Initialiser::Normal(1e-6),
});

impl Conv {
    /// `filters` output channels with the default initialisers.
    pub fn new(filters: usize, kernel: &[usize], strides: &[usize], padding: Padding) -> Self {
        Conv {
            filters,
            kernel: kernel.to_vec(),
            strides: strides.to_vec(),
            padding,
            weight: Initialiser::GlorotNormal,
            bias: Initialiser::Normal(1e-6),
        }
    }
}

impl Listed for Conv {
    const NAME: &'static str = "conv";
    const ABOUT: &'static str = "convolution over 1 to 3 axes; strides are 1 by default; also weight, bias";
    const FORM: Form<Self> = Form::Settings {
        example: "{ filters = 8, kernel = [3, 3], padding = \"same\" }",
        read: |item, _| Conv::read_table(item),
        write: |conv, _| Ok(conv.write_table()),
    };

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        if self.filters == 0 {
            return Err("the number of filters must be at least 1".into());
        }
        let windows = at.windows(&self.kernel, &self.strides, self.padding)?;
        let shape = [&self.kernel[..], &[at.channels(), self.filters]].concat();
        let weights = at.weights(shape, windows.n_taps, &self.weight, &self.bias)?;
        at.convolve(weights, windows, self.filters);
        Ok(())
    }
}
