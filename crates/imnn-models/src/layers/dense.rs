//! Dense layers.

use super::listed::{Form, Listed};
use crate::builder::{BuildError, Builder};
use crate::initialise::Initialiser;
use crate::layer::Layer;
use crate::settings::{Setting, settings};
use imnn_io::{ConfigError, Item};
use toml::Value;

/// `y = x W + b` over the last axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Number of outputs.
    pub features: usize,
    /// How weights start; the default is [`Initialiser::GlorotNormal`].
    pub weight: Initialiser,
    /// How biases start; the default is normal with standard deviation 0.01.
    pub bias: Initialiser,
}

/// A dense layer of `features` outputs.
pub fn dense(features: usize) -> Layer {
    Dense::new(features).into()
}

settings!(Dense { features: "128", weight = Initialiser::GlorotNormal, bias = Initialiser::Normal(0.01) });

impl Dense {
    /// `features` outputs with the default initialisers.
    pub fn new(features: usize) -> Self {
        Dense { features, weight: Initialiser::GlorotNormal, bias: Initialiser::Normal(0.01) }
    }
}

impl Listed for Dense {
    const NAME: &'static str = "dense";
    const ABOUT: &'static str = "y = x W + b over the last axis; or features, weight, bias as settings";
    const FORM: Form<Self> = Form::Settings { example: "128", read, write: |dense, _| Ok(write(dense)) };

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        if self.features == 0 {
            return Err("the number of features must be at least 1".into());
        }
        let weights = at.weights(vec![at.channels(), self.features], 1, &self.weight, &self.bias)?;
        at.map(weights, self.features);
        Ok(())
    }
}

/// A number stands for the features alone.
fn read(item: &Item<'_>, _: super::listed::ReadNetwork<'_>) -> Result<Dense, ConfigError> {
    match item.as_section() {
        Some(_) => Dense::read_table(item),
        None => Setting::read(item).map(Dense::new).map_err(|_| {
            item.wrong_type("the number of features, at least 1, or a table with features, weight and bias")
        }),
    }
}

fn write(dense: &Dense) -> Value {
    if *dense == Dense::new(dense.features) { dense.features.write() } else { dense.write_table() }
}
