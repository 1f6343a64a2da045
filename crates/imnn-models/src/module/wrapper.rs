//! Any dfdx module as a layer, for data without tangents.

use crate::element::Element;
use crate::error::Result;
use crate::initialise::Initialiser;
use crate::layer::Layer;
use crate::layers::custom::{custom, custom_error};
use crate::tape::{Dual, Tape, Vector, send_gradient, to_vec};
use crate::user_layer::{ParameterSpec, UserLayer};
use dfdx::nn::{
    Module, RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorName,
    ViewTensorRef,
};
use dfdx::shapes::{ConstShape, HasShape, Rank1, Rank2, Rank3, Rank4, Shape};
use dfdx::tensor::{Cpu, CpuError, Tensor, TensorFromVec};
use dfdx::tensor_ops::{Device, ReshapeTo};
use imnn_sim::Real;
use std::any::Any;
use std::marker::PhantomData;

/// A dfdx module as a layer: its weights become parameters of the network, which start at the module's values.
///
/// A dfdx module maps values only. It trains where no tangents are needed, that is on numerical derivatives (simulations
/// below and above the fiducial); where its layers are known, [`crate::KnownModule`] gives tangents too. The module reads one
/// simulation of the shape `I` and makes one of the shape `O`, in dfdx's own order of axes. Arrays that the module does not
/// train stay as they are.
///
/// ```
/// use dfdx::nn::{builders::{LayerNorm1D, Linear, Tanh}, DeviceBuildExt};
/// use dfdx::shapes::Rank1;
/// use dfdx::tensor::Cpu;
/// use imnn_models::{dense, DfdxModule, Layer, Model, Network};
///
/// let module = Cpu::default().build_module::<(Linear<10, 16>, LayerNorm1D<16>, Tanh), f32>();
/// let layer: Layer = DfdxModule::<_, Rank1<10>, Rank1<16>, f32>::new("body", module)?.into();
/// let model = Model::new(Network::from(vec![layer, dense(2)]), &[10])?;
/// assert_eq!(model.layout().entries()[0].name, "layers/0/0.weight");
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
pub struct DfdxModule<M, I, O, E> {
    name: String,
    module: M,
    parameters: Vec<ParameterSpec>,
    shapes: PhantomData<fn(I, E) -> O>,
}

/// A shape to which an axis of simulations can be added in front.
pub trait Batched: ConstShape {
    /// The shape with a number of simulations in front.
    type Batch: Shape;

    /// That shape for `n` simulations.
    fn batch(n: usize) -> Self::Batch;
}

macro_rules! batched {
    ($($rank:ident $(<const $axis:ident>)+ ;)*) => { $(
        impl<$(const $axis: usize),+> Batched for $rank<$($axis),+> {
            type Batch = (usize, $(dfdx::shapes::Const<$axis>),+);

            fn batch(n: usize) -> Self::Batch {
                (n, $(dfdx::shapes::Const::<$axis>),+)
            }
        }
    )* };
}

batched! {
    Rank1<const A>;
    Rank2<const A><const B>;
    Rank3<const A><const B><const C>;
    Rank4<const A><const B><const C><const D>;
}

impl<M: TensorCollection<E, Cpu>, I: Batched, O: Batched, E: Element> DfdxModule<M, I, O, E>
where
    Cpu: Device<E>,
{
    /// The module under a name for error messages.
    ///
    /// # Errors
    /// If dfdx cannot walk through the module.
    pub fn new(name: impl Into<String>, module: M) -> Result<Self> {
        let mut collect = Collect(Vec::new());
        M::iter_tensors(&mut RecursiveWalker { m: (&module, String::new()), f: &mut collect })?;
        Ok(DfdxModule { name: name.into(), module, parameters: collect.0, shapes: PhantomData })
    }
}

impl<M, I, O, E> std::fmt::Debug for DfdxModule<M, I, O, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DfdxModule({:?}, {} arrays)", self.name, self.parameters.len())
    }
}

/// Lists the arrays that train, with their present values.
struct Collect(Vec<ParameterSpec>);

impl<E: Element> TensorVisitor<E, Cpu> for Collect
where
    Cpu: Device<E>,
{
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        (tensor, name): (&Tensor<S, E, Cpu>, String),
    ) -> Result<Option<Tensor<S, E, Cpu>>, CpuError> {
        if options.do_gradient_update {
            let values: Vec<f64> = tensor.as_vec().into_iter().map(Real::f64).collect();
            self.0.push(ParameterSpec {
                name,
                shape: tensor.shape().concrete().into(),
                initialiser: Initialiser::Values(values.into()),
                // The values are given, so that no fan is asked for.
                fan_in: 1,
                fan_out: 1,
            });
        }
        Ok(None)
    }
}

/// Puts weights of the network in the place of the module's own and sends their gradients back.
struct SetWeights<'a, E: Element> {
    weights: std::slice::Iter<'a, Vector<E>>,
}

impl<E: Element> TensorVisitor<E, Cpu> for SetWeights<'_, E>
where
    Cpu: Device<E>,
{
    type Viewer = ViewTensorMut;
    type Err = CpuError;
    type E2 = E;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        options: TensorOptions<S, E, Cpu>,
        tensor: &mut Tensor<S, E, Cpu>,
    ) -> Result<Option<Tensor<S, E, Cpu>>, CpuError> {
        if !options.do_gradient_update {
            return Ok(None);
        }
        // There are as many weights as arrays, which both walks meet in one order.
        let Some(weight) = self.weights.next() else { return Ok(None) };
        *tensor = tensor.device().try_tensor_from_vec(to_vec(weight), *tensor.shape())?;
        send_gradient(tensor.clone(), weight.clone());
        Ok(None)
    }
}

impl<M, I: Batched, O: Batched, P: Element> UserLayer for DfdxModule<M, I, O, P>
where
    Cpu: Device<P>,
    M: TensorCollection<P, Cpu>
        + Module<Tensor<I::Batch, P, Cpu, Tape<P>>, Output = Tensor<O::Batch, P, Cpu, Tape<P>>>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let expected = I::default().concrete().into();
        if input != expected {
            return Err(format!("the dfdx module {:?} reads simulations of the shape {expected:?}", self.name));
        }
        Ok(O::default().concrete().into())
    }

    fn parameters(&self, _input: &[usize]) -> Vec<ParameterSpec> {
        self.parameters.clone()
    }

    /// Runs a copy of the module with these weights.
    fn forward<E: Element>(&self, weights: &[Vector<E>], input: Dual<E>) -> Result<Dual<E>> {
        let other_precision = || {
            let (built, runs) = (P::NAME, E::NAME);
            let advice = "build the module or run the network in the other precision";
            custom_error(
                &self.name,
                format!("the dfdx module was built in {built} and the network runs in {runs}; {advice}"),
            )
        };
        let weights: Vec<Vector<P>> = same(weights.to_vec()).ok_or_else(other_precision)?;
        let input: Dual<P> = same(input).ok_or_else(other_precision)?;
        let (values, tangents) = input.into_parts();
        if tangents.is_some() {
            return Err(custom_error(
                &self.name,
                "a dfdx module knows no tangents, so that it cannot train on exact derivatives; use numerical derivatives \
                 (simulations below and above the fiducial), or KnownModule::network if its layers are known",
            ));
        }
        let mut module = self.module.clone();
        let mut set = SetWeights { weights: weights.iter() };
        M::iter_tensors(&mut RecursiveWalker { m: &mut module, f: &mut set })?;
        let n = values.shape().0;
        let output = module
            .try_forward(values.try_reshape_like(&I::batch(n))?)
            .map_err(|error| custom_error(&self.name, format!("{error:?}")))?;
        let output = Dual::new(output.try_reshape_like(&(n, O::NUMEL))?, None)?;
        same(output).ok_or_else(other_precision)
    }
}

impl<M, I, O, E> From<DfdxModule<M, I, O, E>> for Layer
where
    DfdxModule<M, I, O, E>: UserLayer,
{
    fn from(module: DfdxModule<M, I, O, E>) -> Self {
        custom(module)
    }
}

/// The value itself, if its type is the one wanted.
fn same<A: 'static, B: 'static>(value: A) -> Option<B> {
    let value: Box<dyn Any> = Box::new(value);
    value.downcast().ok().map(|value| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Batch, Model, Optimiser, Output, backward, dense, forward, leaky_relu, serial};
    use dfdx::nn::builders::{LayerNorm1D, Linear, Residual, Sigmoid, Tanh};
    use dfdx::nn::{BuildOnDevice, DeviceBuildExt};
    use imnn_sim::Key;

    type Body = (Linear<4, 6>, LayerNorm1D<6>, Residual<(Linear<6, 6>, Tanh)>, Linear<6, 3>, Sigmoid);

    fn built<E: Element>() -> <Body as BuildOnDevice<Cpu, E>>::Built
    where
        Cpu: Device<E>,
        Body: BuildOnDevice<Cpu, E>,
    {
        Cpu::seed_from_u64(7).build_module::<Body, E>()
    }

    fn model() -> Model {
        let body: Layer = DfdxModule::<_, Rank1<4>, Rank1<3>, f64>::new("body", built::<f64>()).unwrap().into();
        // Layers of our own before and after, so that gradients cross the module.
        Model::new(serial([dense(4), body, leaky_relu(), dense(2)]), &[5]).unwrap()
    }

    fn normals(n: usize, seed: u64) -> Vec<f64> {
        let mut values = vec![0.0; n];
        Key::new(seed).fill_normal(&mut values);
        values
    }

    fn check_forward<E: Element>(
        layer: Layer,
        own: impl Fn(Tensor<(usize, dfdx::shapes::Const<4>), E, Cpu>) -> Vec<E>,
        run: impl Fn(&Model, &[E], &Batch<'_, E>) -> Result<Output<E>>,
    ) where
        Cpu: Device<E>,
    {
        let model = Model::new(serial([layer]), &[4]).unwrap();
        assert_eq!(model.output_shape(), [3]);
        let names: Vec<&str> = model.layout().entries().iter().map(|entry| entry.name.as_str()).collect();
        let expected = ["0.weight", "0.bias", "1.gamma", "1.beta", "2.0.0.weight", "2.0.0.bias", "3.weight", "3.bias"];
        assert_eq!(names, expected.map(|name| format!("layers/0/{name}")));
        let values: Vec<E> = normals(12, 1).into_iter().map(E::of).collect();
        let weights = model.initialise::<E>(Key::new(0));
        let ours = run(&model, weights.values(), &Batch { n: 3, values: &values, tangents: &[] }).unwrap();
        let input = Cpu::default().tensor_from_vec(values, (3, dfdx::shapes::Const));
        assert_eq!(ours.values, own(input));
    }

    #[test]
    fn the_output_is_that_of_the_module() {
        let module = built::<f64>();
        let layer = DfdxModule::<_, Rank1<4>, Rank1<3>, f64>::new("body", module.clone()).unwrap().into();
        check_forward(layer, |x| module.forward(x).as_vec(), forward);
        let module = built::<f32>();
        let layer = DfdxModule::<_, Rank1<4>, Rank1<3>, f32>::new("body", module.clone()).unwrap().into();
        check_forward(layer, |x| module.forward(x).as_vec(), forward);
    }

    /// Every weight, of the module and of the layers around it, against central differences.
    #[test]
    fn gradients_are_those_of_the_output() {
        let model = model();
        let mut weights = model.initialise::<f64>(Key::new(2));
        let (values, cotangents) = (normals(15, 3), normals(6, 4));
        let batch = Batch { n: 3, values: &values, tangents: &[] };
        let mut gradient = vec![0.0; model.layout().len()];
        let output = Output { values: cotangents.clone(), tangents: vec![] };
        backward(&model, weights.values(), &batch, &output, &mut gradient).unwrap();
        let mut at = |k: usize, step: f64| -> f64 {
            let before = weights.values()[k];
            weights.values_mut()[k] += step;
            let output = forward(&model, weights.values(), &batch).unwrap().values;
            weights.values_mut()[k] = before;
            output.iter().zip(&cotangents).map(|(x, c)| x * c).sum()
        };
        for k in 0..gradient.len() {
            let difference = (at(k, 1e-5) - at(k, -1e-5)) / 2e-5;
            approx::assert_relative_eq!(gradient[k], difference, epsilon = 1e-8, max_relative = 1e-6);
        }
        assert!(gradient.iter().filter(|g| g.abs() > 1e-6).count() > gradient.len() / 2);
    }

    #[test]
    fn it_trains() {
        let model = model();
        let mut weights = model.initialise::<f64>(Key::new(2));
        let (values, targets) = (normals(40, 5), normals(16, 6));
        let batch = Batch { n: 8, values: &values, tangents: &[] };
        let adam = Adam::new(0.05).unwrap();
        let mut state = adam.initialise(weights.values().len());
        let mut losses = Vec::new();
        for iteration in 0..200 {
            let output = forward(&model, weights.values(), &batch).unwrap().values;
            let residuals: Vec<f64> = output.iter().zip(&targets).map(|(x, t)| x - t).collect();
            losses.push(residuals.iter().map(|r| r * r).sum::<f64>());
            let mut gradient = vec![0.0; weights.values().len()];
            let cotangents = Output { values: residuals, tangents: vec![] };
            backward(&model, weights.values(), &batch, &cotangents, &mut gradient).unwrap();
            adam.update(iteration, &mut gradient, &mut state, weights.values_mut());
        }
        assert!(losses[199] < 1e-2 * losses[0], "{} to {}", losses[0], losses[199]);
    }

    #[test]
    fn what_a_module_cannot_do_is_refused() {
        let body =
            || -> Layer { DfdxModule::<_, Rank1<4>, Rank1<3>, f64>::new("body", built::<f64>()).unwrap().into() };
        let error = Model::new(serial([body()]), &[5]).unwrap_err().to_string();
        assert!(error.contains("the dfdx module \"body\" reads simulations of the shape [4]"), "{error}");
        let model = Model::new(serial([body()]), &[4]).unwrap();
        let weights = model.initialise::<f64>(Key::new(0));
        let tangents = Batch { n: 1, values: &[1.0; 4], tangents: &[1.0; 4] };
        let error = forward(&model, weights.values(), &tangents).unwrap_err().to_string();
        assert!(error.starts_with("layer body: a dfdx module knows no tangents"), "{error}");
        let single = model.initialise::<f32>(Key::new(0));
        let batch = Batch { n: 1, values: &[1.0; 4], tangents: &[] };
        let error = forward(&model, single.values(), &batch).unwrap_err().to_string();
        assert!(error.contains("was built in f64 and the network runs in f32"), "{error}");
    }
}
