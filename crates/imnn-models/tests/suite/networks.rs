//! Random small networks of every layer, from a list of numbers that proptest can shrink.

use dfdx::shapes::HasShape;
use dfdx::tensor::Cpu;
use dfdx::tensor_ops::{BroadcastTo, Device, ReshapeTo};
use imnn_models::{
    Activation, Dual, Element, Initialiser, Join, Layer, Matrix, Network, Padding, Parallel, ParameterSpec, Result,
    UserLayer, Vector, avg_pool, conv, custom, dense, flatten, global_avg_pool, global_max_pool, max_pool, reshape,
    residual, slice, standardise,
};
use std::slice::Iter;

/// Numbers that decide; zeros when they are used up.
pub struct Draws<'a>(Iter<'a, u16>);

impl<'a> Draws<'a> {
    pub fn new(numbers: &'a [u16]) -> Self {
        Draws(numbers.iter())
    }

    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % n
    }

    /// A number from 1 to `n`.
    fn up_to(&mut self, n: usize) -> usize {
        1 + self.below(n)
    }
}

/// Shape of one simulation: none to three spatial axes and channels.
pub fn input_shape(draws: &mut Draws<'_>) -> Vec<usize> {
    let rank = draws.below(4);
    let largest = [1, 7, 5, 3][rank];
    let mut shape: Vec<usize> = (0..rank).map(|_| draws.up_to(largest)).collect();
    shape.push(draws.up_to(3));
    shape
}

/// A network of one to four layers for data of this shape.
pub fn network(draws: &mut Draws<'_>, input: &[usize]) -> Network {
    let mut layers = Vec::new();
    let mut shape = input.to_vec();
    for _ in 0..draws.up_to(4) {
        layer(draws, &mut shape, &mut layers);
    }
    layers.into()
}

/// Appends a layer (with one before it where it needs numbers of a certain kind) and follows the shape.
fn layer(draws: &mut Draws<'_>, shape: &mut Vec<usize>, layers: &mut Vec<Layer>) {
    let spatial = shape.len() > 1 && shape.len() <= 4;
    match draws.below(12) {
        0 => {
            let features = draws.up_to(4);
            set_channels(shape, features);
            layers.push(dense(features));
        }
        1 if spatial => {
            let (kernel, strides, padding) = window(draws, shape);
            let filters = draws.up_to(3);
            set_channels(shape, filters);
            layers.push(conv(filters, &kernel, &strides, padding));
        }
        2 if spatial => {
            let (window, strides, padding) = window(draws, shape);
            layers.push(max_pool(&window, &strides, padding));
        }
        3 if spatial => {
            let (window, strides, padding) = window(draws, shape);
            layers.push(avg_pool(&window, &strides, padding));
        }
        4 if spatial => {
            layers.push(if draws.below(2) == 0 { global_avg_pool() } else { global_max_pool() });
            *shape = vec![shape[shape.len() - 1]];
        }
        5 if draws.below(3) == 0 => {
            *shape = vec![shape.iter().product()];
            layers.push(flatten());
        }
        5 if draws.below(2) == 0 => {
            let (lines, line) = (shape[0], shape[1..].iter().product::<usize>());
            let first = draws.below(lines);
            shape[0] = draws.up_to(lines - first);
            layers.push(slice(first * line, shape));
        }
        5 => {
            shape.reverse();
            layers.push(reshape(shape));
        }
        6 | 7 => {
            let activation = Activation::ALL[draws.below(Activation::ALL.len())];
            // Keep log1p inside its domain and exp from running away.
            match activation {
                Activation::Log1p => layers.push(Activation::Sigmoid.into()),
                Activation::Exp => layers.push(Activation::Tanh.into()),
                _ => {}
            }
            layers.push(activation.into());
        }
        8 => {
            let join = if draws.below(2) == 0 { Join::Concat } else { Join::Sum };
            let n_branches = draws.up_to(3);
            let features = draws.up_to(2);
            let widths: Vec<usize> =
                (0..n_branches).map(|_| if join == Join::Sum { features } else { draws.up_to(2) }).collect();
            let branches = widths.iter().map(|&width| branch(draws, shape, width)).collect();
            layers.push(Parallel { branches, join }.into());
            set_channels(shape, if join == Join::Sum { features } else { widths.iter().sum() });
        }
        9 => {
            let width = shape[shape.len() - 1];
            layers.push(residual(branch(draws, shape, width)));
        }
        10 => {
            let channels = shape[shape.len() - 1];
            let mut list = |least: f64| -> Vec<f64> {
                let len = if draws.below(2) == 0 { 1 } else { channels };
                (0..len).map(|_| least + draws.below(9) as f64 / 4.0).collect()
            };
            layers.push(standardise(&list(-1.0), &list(0.5)));
        }
        _ => layers.push(custom(Bend)),
    }
}

/// Layers that keep the spatial axes and end with `width` channels.
fn branch(draws: &mut Draws<'_>, shape: &[usize], width: usize) -> Network {
    let rank = shape.len() - 1;
    let mut layers = Vec::new();
    if draws.below(2) == 0 {
        layers.push(Activation::ALL[draws.below(7)].into());
    }
    if (1..=3).contains(&rank) && draws.below(2) == 0 {
        let kernel: Vec<usize> = (0..rank).map(|_| draws.up_to(3)).collect();
        let padding = if draws.below(2) == 0 { Padding::Same } else { Padding::Circular };
        layers.push(conv(width, &kernel, &vec![1; rank], padding));
    } else {
        layers.push(dense(width));
    }
    layers.into()
}

/// A window for data of this shape, whose spatial axes follow.
fn window(draws: &mut Draws<'_>, shape: &mut [usize]) -> (Vec<usize>, Vec<usize>, Padding) {
    let padding = [Padding::Same, Padding::Valid, Padding::Circular][draws.below(3)];
    let (mut kernel, mut strides) = (Vec::new(), Vec::new());
    let rank = shape.len() - 1;
    for n in &mut shape[..rank] {
        let mut k = draws.up_to(4);
        let s = draws.up_to(3);
        if padding == Padding::Valid {
            k = k.min(*n);
            *n = (*n - k) / s + 1;
        } else {
            *n = n.div_ceil(s);
        }
        kernel.push(k);
        strides.push(s);
    }
    (kernel, strides, padding)
}

fn set_channels(shape: &mut [usize], channels: usize) {
    if let Some(last) = shape.last_mut() {
        *last = channels;
    }
}

/// A user's layer that is not linear, `y = x + a x^2` with one weight a.
#[derive(Debug)]
pub struct Bend;

impl UserLayer for Bend {
    fn name(&self) -> &str {
        "bend"
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, _: &[usize]) -> Vec<ParameterSpec> {
        let initialiser = Initialiser::Constant(0.5);
        vec![ParameterSpec { name: "a".into(), shape: vec![1], initialiser, fan_in: 1, fan_out: 1 }]
    }

    fn forward<E: Element>(&self, weights: &[Vector<E>], input: Dual<E>) -> Result<Dual<E>>
    where
        Cpu: Device<E>,
    {
        let factor = |x: &Matrix<E>| weights[0].clone().reshape_like(&()).broadcast_like(x.shape());
        input.chain(
            |x| {
                let a = factor(&x);
                Ok(x.clone() + a * x.clone() * x)
            },
            |x| {
                let a = factor(&x);
                Ok(a * x * E::of(2.0) + E::one())
            },
        )
    }
}

/// A user's layer that adds weights to the data, `y = x + b`: its gradient is the one of the input.
#[derive(Debug)]
pub struct Shift;

impl UserLayer for Shift {
    fn name(&self) -> &str {
        "shift"
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        let initialiser = Initialiser::Constant(0.0);
        vec![ParameterSpec { name: "b".into(), shape: input.to_vec(), initialiser, fan_in: 1, fan_out: 1 }]
    }

    fn forward<E: Element>(&self, weights: &[Vector<E>], input: Dual<E>) -> Result<Dual<E>>
    where
        Cpu: Device<E>,
    {
        let (values, tangents) = input.into_parts();
        let shape = *values.shape();
        let b = weights[0].clone().broadcast_like::<_, dfdx::shapes::Axis<0>>(&shape);
        Dual::new(values + b, tangents)
    }
}
