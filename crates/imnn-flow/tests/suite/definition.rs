//! What a flow is, on dfdx's tape: the yardstick for the kernels. Masks are full matrices of 0 and 1, a bin is chosen by a
//! row of 0 and 1, and dfdx makes all derivatives.

use super::random::mask;
use dfdx::prelude::{
    Axes2, Axis, Cpu, OnesTensor, OwnedTape, Rank0, SumTo, Tensor, TensorFromVec, TryMatMul, ZerosTensor,
};
use dfdx::prelude::{Backward, Gradients as Record, HasShape, PutTape, SplitTape};
use imnn_flow::{Bijection, Flow, Standardisation};
use ndarray::Array2;

type Tape = OwnedTape<f64, Cpu>;
/// Numbers that are given: weights, data, constants.
type Leaf = Tensor<(usize, usize), f64, Cpu>;
/// Numbers that are computed.
type Matrix = Tensor<(usize, usize), f64, Cpu, Tape>;

/// What the definition says of some pairs.
pub struct Truth {
    pub log_density: Vec<f64>,
    /// The gradient of the sum of all `ln q` by y and c, and of the mean of `-ln q` by the weights.
    pub y: Array2<f64>,
    pub c: Array2<f64>,
    pub weights: Vec<f64>,
}

/// Some rows and columns of a layer's weights, transposed, with their mask and where they lie.
struct Part {
    weights: Leaf,
    mask: Leaf,
    places: Vec<usize>,
}

fn leaf(rows: usize, cols: usize, values: Vec<f64>) -> Leaf {
    Cpu::default().tensor_from_vec(values, (rows, cols))
}

fn constant(matrix: &Leaf) -> Matrix {
    matrix.retaped::<Tape>()
}

/// Another use of numbers on the tape.
fn again(matrix: &Matrix) -> Matrix {
    matrix.retaped::<Tape>()
}

struct Definition<'a> {
    flow: &'a Flow<f64>,
    mask: Vec<bool>,
    parts: Vec<Part>,
}

impl Definition<'_> {
    /// `x W^T`, for columns `cols` and rows `rows` of layer `layer` of transform `t`.
    fn product(
        &mut self,
        t: usize,
        layer: usize,
        rows: std::ops::Range<usize>,
        cols: std::ops::Range<usize>,
        x: Matrix,
    ) -> Matrix {
        let shapes = self.flow.transforms().layer_shapes();
        let before: usize = shapes[..layer].iter().map(|(rows, cols)| rows * cols).sum();
        let all: usize = self.mask.len();
        let width = shapes[layer].1;
        let places: Vec<usize> =
            cols.clone().flat_map(|col| rows.clone().map(move |row| before + row * width + col)).collect();
        let shape = (cols.len(), rows.len());
        let weights = places.iter().map(|place| self.flow.transforms().weights()[t * all + place]).collect();
        let mask = places.iter().map(|place| f64::from(self.mask[*place])).collect();
        let part = Part {
            weights: leaf(shape.0, shape.1, weights),
            mask: leaf(shape.0, shape.1, mask),
            places: places.iter().map(|place| t * all + place).collect(),
        };
        let product = x.matmul(constant(&part.weights) * part.mask.clone());
        self.parts.push(part);
        product
    }
}

/// `(z, ln dz/du)` of the affine bijection.
fn affine(u: Matrix, shift: Matrix, raw: Matrix) -> (Matrix, Matrix) {
    let bounded = again(&raw) / (raw.abs() / 1000_f64.ln() + 1.0);
    (again(&bounded).exp() * u + shift, bounded)
}

/// `(z, ln dz/du)` of the spline.
fn spline(u: Matrix, [widths, heights, derivatives]: [Matrix; 3], bins: usize, bound: f64) -> (Matrix, Matrix) {
    let n = u.shape().0;
    let inside: Vec<f64> = u.as_vec().iter().map(|u| f64::from(u.abs() < bound)).collect();
    let outside = leaf(n, 1, inside.iter().map(|inside| 1.0 - inside).collect());
    let inside = leaf(n, 1, inside);
    let sizes =
        |raw: Matrix| raw.softmax::<Axis<1>>() * (2.0 * bound * (1.0 - 1e-3 * bins as f64)) + 2.0 * bound * 1e-3;
    let (widths, heights) = (sizes(widths), sizes(heights));
    let derivatives = ((derivatives + (0.999_f64.exp() - 1.0).ln()).exp() + 1.0).ln() + 1e-3;
    // The bin of each row, and rows that are 1 at the bin, before it, left and right of it.
    let sizes = widths.as_vec();
    let v = again(&u) * inside.clone();
    let bin: Vec<usize> = (v.as_vec().iter().zip(sizes.chunks(bins)))
        .map(|(v, sizes)| {
            let knot = |k: &usize| -bound + sizes[..*k].iter().sum::<f64>();
            (0..bins).rev().find(|k| *v >= knot(k)).unwrap()
        })
        .collect();
    let rows = |cols: usize, f: &dyn Fn(usize, usize) -> bool| {
        let values = bin.iter().flat_map(|bin| (0..cols).map(move |k| f64::from(f(*bin, k)))).collect();
        leaf(n, cols, values)
    };
    let chosen = |from: &Matrix, f: &dyn Fn(usize, usize) -> bool| {
        let cols = from.shape().1;
        let ones: Leaf = Cpu::default().ones_like(&(cols, 1));
        (again(from) * rows(cols, f)).matmul(constant(&ones))
    };
    let (own, before) = (|bin: usize, k: usize| k == bin, |bin: usize, k: usize| k < bin);
    let (w, h) = (chosen(&widths, &own), chosen(&heights, &own));
    let (x, y) = (chosen(&widths, &before) - bound, chosen(&heights, &before) - bound);
    let ends = |f: &dyn Fn(usize) -> bool| leaf(n, 1, bin.iter().map(|bin| f64::from(f(*bin))).collect());
    let d0 = chosen(&derivatives, &|bin, k| k + 1 == bin) + ends(&|bin| bin == 0);
    let d1 = chosen(&derivatives, &own) + ends(&|bin| bin == bins - 1);
    let xi = (v - x) / again(&w);
    let s = again(&h) / w;
    let rest = -again(&xi) + 1.0;
    let q = again(&xi) * again(&rest);
    let bottom = again(&s) + (again(&d1) + again(&d0) - again(&s) * 2.0) * again(&q);
    let z = y + h * (again(&s) * again(&xi).square() + again(&d0) * again(&q)) / again(&bottom);
    let slope = d1 * xi.square() + again(&s) * q * 2.0 + d0 * rest.square();
    let log = s.ln() * 2.0 + slope.ln() - bottom.ln() * 2.0;
    // The widths, heights and derivatives themselves are used by their parts above; their tapes have to be kept.
    let keep = |log: Matrix, used: Matrix| {
        let (_, tape) = used.split_tape();
        let (log, own) = log.split_tape();
        log.put_tape(dfdx::prelude::Merge::merge(own, tape))
    };
    let log = keep(keep(keep(log * inside.clone(), widths), heights), derivatives);
    (z * inside + u * outside, log)
}

/// Everything about these pairs.
pub fn truth(flow: &Flow<f64>, y: &Array2<f64>, c: &Array2<f64>) -> Truth {
    let transforms = flow.transforms();
    let (n, dims, context) = (y.nrows(), transforms.dims(), transforms.context());
    let bijection = transforms.architecture().bijection;
    let standardised = |x: &Array2<f64>, by: &Standardisation| -> Vec<Vec<f64>> {
        let column = |k: &usize| x.column(*k).iter().map(|v| (v - by.mean()[*k]) / by.sd()[*k]).collect();
        by.kept().iter().map(column).collect()
    };
    let given_y: Vec<Leaf> = standardised(y, flow.y()).into_iter().map(|column| leaf(n, 1, column)).collect();
    let given_c: Vec<Leaf> = standardised(c, flow.c()).into_iter().map(|column| leaf(n, 1, column)).collect();
    let ones: Leaf = Cpu::default().ones_like(&(n, 1));
    let mask = mask(transforms.architecture(), dims, context);
    let mut definition = Definition { flow, mask, parts: vec![] };
    let mut values: Vec<Matrix> = given_y.iter().map(constant).collect();
    let mut log: Matrix = constant(&Cpu::default().zeros_like(&(n, 1)));
    for (t, permutation) in transforms.permutations().iter().enumerate() {
        let u: Vec<Matrix> = permutation.iter().map(|from| again(&values[*from])).collect();
        let shapes = transforms.layer_shapes();
        let mut hidden: Vec<Matrix> = vec![constant(&ones)];
        hidden.extend(given_c.iter().map(constant));
        hidden.extend(u[..dims - 1].iter().map(again));
        for (layer, &(rows, _)) in shapes[..shapes.len() - 1].iter().enumerate() {
            let mut sum: Option<Matrix> = None;
            let mut col = 0;
            for x in hidden {
                let width = x.shape().1;
                let term = definition.product(t, layer, 0..rows, col..col + width, x);
                sum = Some(match sum {
                    Some(sum) => sum + term,
                    None => term,
                });
                col += width;
            }
            hidden = vec![constant(&ones), sum.unwrap().tanh()];
        }
        let last = shapes.len() - 1;
        let (h, per_dim) = (&hidden[1], bijection.n_parameters());
        let width = h.shape().1;
        let mut next = Vec::new();
        for (i, u) in u.into_iter().enumerate() {
            let mut head = |rows: std::ops::Range<usize>| {
                let rows = i * per_dim + rows.start..i * per_dim + rows.end;
                definition.product(t, last, rows.clone(), 0..1, constant(&ones))
                    + definition.product(t, last, rows, 1..1 + width, again(h))
            };
            let (z, gain) = match bijection {
                Bijection::Affine => affine(u, head(0..1), head(1..2)),
                Bijection::Spline { bins, bound } => {
                    let heads = [head(0..bins), head(bins..2 * bins), head(2 * bins..3 * bins - 1)];
                    spline(u, heads, bins, bound)
                }
            };
            log = log + gain;
            next.push(z);
        }
        // What later uses of these numbers do not carry on.
        for used in values.into_iter().chain(hidden) {
            let (_, tape) = used.split_tape();
            let (kept, own) = log.split_tape();
            log = kept.put_tape(dfdx::prelude::Merge::merge(own, tape));
        }
        values = next;
    }
    for z in values {
        log = log - (z.square() + (2.0 * std::f64::consts::PI).ln()) * 0.5;
    }
    let volume: f64 = flow.y().kept().iter().map(|k| flow.y().sd()[*k].ln()).sum();
    let log_density = log.as_vec().iter().map(|log| log - volume).collect();
    let total: Tensor<Rank0, f64, Cpu, Tape> = log.sum::<Rank0, Axes2<0, 1>>();
    let record: Record<f64, Cpu> = total.backward();
    let gradient = |columns: &[Leaf], by: &Standardisation| {
        let mut gradient = Array2::zeros((n, by.columns()));
        for (leaf, &k) in columns.iter().zip(by.kept()) {
            let g = record.get(leaf).as_vec();
            gradient.column_mut(k).iter_mut().zip(g).for_each(|(to, g)| *to = g / by.sd()[k]);
        }
        gradient
    };
    let (gy, gc) = (gradient(&given_y, flow.y()), gradient(&given_c, flow.c()));
    let mut weights = vec![0.0; transforms.weights().len()];
    for part in &definition.parts {
        let g = record.get(&part.weights).as_vec();
        part.places.iter().zip(g).for_each(|(place, g)| weights[*place] -= g / n as f64);
    }
    Truth { log_density, y: gy, c: gc, weights }
}
