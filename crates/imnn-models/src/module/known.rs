//! dfdx modules whose layers are known here, so that tangents come too.

use crate::activations::Activation;
use crate::element::Element;
use crate::error::{ModelError, Result};
use crate::initialise::Initialiser;
use crate::layer::Layer;
use crate::layers::Dense;
use crate::layers::functions::residual;
use crate::network::Network;
use dfdx::nn::modules::{Exp, FastGeLU, LeakyReLU, Linear, ReLU, Repeated, Residual, Sigmoid, Tanh};
use dfdx::tensor::Cpu;
use imnn_sim::Real;

/// A dfdx module made of layers that this crate has too. The network of [`KnownModule::network`] starts at the module's
/// weights, computes the same, and has exact tangents, which the module has not.
///
/// Known are `Linear`, `ReLU`, `LeakyReLU` of slope 0.01, `Tanh`, `Sigmoid`, `Exp`, `FastGeLU`, `Residual`, `Repeated`, and
/// tuples of up to six. For another module use [`crate::DfdxModule`], or implement this trait.
///
/// ```
/// use dfdx::nn::{builders::{Linear, Tanh}, DeviceBuildExt};
/// use dfdx::tensor::Cpu;
/// use imnn_models::{KnownModule, Model};
///
/// let module = Cpu::default().build_module::<(Linear<10, 16>, Tanh, Linear<16, 2>), f32>();
/// let model = Model::new(module.network()?, &[10])?;
/// assert_eq!(model.output_shape(), [2]);
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
pub trait KnownModule {
    /// The same computation as layers of this crate.
    ///
    /// # Errors
    /// If a setting of the module has no counterpart here.
    fn layers(&self) -> Result<Vec<Layer>>;

    /// The layers as a network.
    ///
    /// # Errors
    /// As [`KnownModule::layers`].
    fn network(&self) -> Result<Network> {
        Ok(self.layers()?.into())
    }
}

impl<const I: usize, const O: usize, E: Element> KnownModule for Linear<I, O, E, Cpu> {
    fn layers(&self) -> Result<Vec<Layer>> {
        // dfdx keeps the weight as (outputs, inputs).
        let weight = self.weight.as_vec();
        let transposed = (0..I * O).map(|k| weight[k % O * I + k / O].f64());
        let bias = self.bias.as_vec().into_iter().map(Real::f64);
        let (weight, bias) = (Initialiser::Values(transposed.collect()), Initialiser::Values(bias.collect()));
        Ok(vec![Dense { features: O, weight, bias }.into()])
    }
}

impl<E: Element> KnownModule for LeakyReLU<E> {
    fn layers(&self) -> Result<Vec<Layer>> {
        if self.0 != E::of(0.01) {
            return Err(ModelError::Setting {
                setting: "the slope of LeakyReLU",
                value: self.0.f64(),
                range: "0.01, the slope of leaky_relu here; wrap the module in DfdxModule otherwise",
            });
        }
        Ok(vec![Activation::LeakyRelu.into()])
    }
}

impl<F: KnownModule> KnownModule for Residual<F> {
    fn layers(&self) -> Result<Vec<Layer>> {
        Ok(vec![residual(self.0.network()?)])
    }
}

impl<T: KnownModule, const N: usize> KnownModule for Repeated<T, N> {
    fn layers(&self) -> Result<Vec<Layer>> {
        Ok(self.modules.iter().map(T::layers).collect::<Result<Vec<_>>>()?.concat())
    }
}

macro_rules! activations {
    ($($module:ident $activation:ident),*) => { $(
        impl KnownModule for $module {
            fn layers(&self) -> Result<Vec<Layer>> {
                Ok(vec![Activation::$activation.into()])
            }
        }
    )* };
}

activations!(ReLU Relu, Tanh Tanh, Sigmoid Sigmoid, Exp Exp, FastGeLU Gelu);

macro_rules! tuple {
    ($($name:ident $index:tt),*) => {
        impl<$($name: KnownModule),*> KnownModule for ($($name,)*) {
            fn layers(&self) -> Result<Vec<Layer>> {
                Ok([$(self.$index.layers()?),*].concat())
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, F 4);
tuple!(A 0, B 1, C 2, D 3, F 4, G 5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Model, forward};
    use dfdx::nn::builders;
    use dfdx::nn::{DeviceBuildExt, Module};
    use dfdx::tensor::TensorFromVec;
    use imnn_sim::Key;

    #[test]
    fn the_network_computes_the_same_and_has_tangents() {
        type Inner = (builders::Linear<5, 5>, builders::Exp);
        type Builder = (
            (builders::Linear<3, 5>, builders::FastGeLU),
            builders::Residual<(builders::Linear<5, 5>, builders::ReLU)>,
            builders::Repeated<(builders::Linear<5, 5>, builders::Sigmoid), 2>,
            Inner,
            (builders::Linear<5, 2>, builders::Tanh),
        );
        let module = Cpu::seed_from_u64(3).build_module::<Builder, f64>();
        let model = Model::new(module.network().unwrap(), &[3]).unwrap();
        let mut values = vec![0.0; 12];
        let mut tangents = vec![0.0; 12];
        Key::new(0).fill_normal(&mut values);
        Key::new(1).fill_normal(&mut tangents);
        let own = |values: &[f64]| {
            module.forward(Cpu::default().tensor_from_vec(values.to_vec(), (4, dfdx::shapes::Const::<3>))).as_vec()
        };
        let weights = model.initialise::<f64>(Key::new(9));
        let batch = Batch { n: 4, values: &values, tangents: &tangents };
        let output = forward(&model, weights.values(), &batch).unwrap();
        approx::assert_relative_eq!(output.values[..], own(&values)[..], max_relative = 1e-12, epsilon = 1e-14);
        let moved = |step: f64| -> Vec<f64> {
            own(&values.iter().zip(&tangents).map(|(v, t)| v + step * t).collect::<Vec<_>>())
        };
        let (above, below) = (moved(1e-5), moved(-1e-5));
        let differences: Vec<f64> = above.iter().zip(&below).map(|(a, b)| (a - b) / 2e-5).collect();
        approx::assert_relative_eq!(output.tangents[..], differences[..], max_relative = 1e-6, epsilon = 1e-9);
    }

    #[test]
    fn other_slopes_are_refused() {
        assert!(LeakyReLU(0.01_f32).layers().is_ok());
        let error = LeakyReLU(0.05_f64).layers().unwrap_err().to_string();
        assert!(error.starts_with("the slope of LeakyReLU is 0.05, it must be 0.01"), "{error}");
    }
}
