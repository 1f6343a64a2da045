//! Residual connections, made of [`super::parallel`].

use super::listed::{Form, Listed};
use super::parallel::sum;
use crate::builder::{BuildError, Builder};
use crate::layer::Layer;
use crate::network::Network;

/// `x + f(x)`: the name of a [`Parallel`](super::Parallel) layer whose first branch passes its input on. There is no value of
/// this type.
#[derive(Clone, Copy, Debug)]
pub enum Residual {}

/// `x + f(x)`: a residual connection around the layers `f`.
pub fn residual(layers: Network) -> Layer {
    sum([Network::default(), layers])
}

impl Listed for Residual {
    const NAME: &'static str = "residual";
    const ABOUT: &'static str = "x + f(x) with the layers f";
    const FORM: Form<Self> = Form::Shorthand {
        example: "[{ dense = 8 }, \"tanh\"]",
        read: |item, network| network(item).map(residual),
    };

    fn build(&self, _: &mut Builder) -> Result<(), BuildError> {
        match *self {}
    }
}
