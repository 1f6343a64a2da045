//! Random networks of every layer that the engine knows, from a list of numbers that proptest can shrink.
//!
//! What the engine simplifies comes up often: maps of the channels before windows, layers of which strides leave out
//! positions, and branches that end in slices of one buffer or in a sum.

use imnn_models::{
    Activation, Join, Layer, Network, Padding, Parallel, avg_pool, conv, dense, flatten, global_avg_pool,
    global_max_pool, max_pool, reshape, residual, slice, standardise,
};
use std::slice::Iter;

/// Numbers that decide; zeros when they are used up.
pub(super) struct Draws<'a>(Iter<'a, u16>);

impl<'a> Draws<'a> {
    pub(super) fn new(numbers: &'a [u16]) -> Self {
        Draws(numbers.iter())
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % n
    }

    /// A number from 1 to `n`.
    fn up_to(&mut self, n: usize) -> usize {
        1 + self.below(n)
    }

    /// Few channels mostly, for which there are narrow products, or more than a vector register holds.
    fn channels(&mut self) -> usize {
        if self.below(4) == 3 { 7 + self.up_to(12) } else { self.up_to(4) }
    }

    fn padding(&mut self) -> Padding {
        [Padding::Same, Padding::Valid, Padding::Circular][self.below(3)]
    }
}

/// Shape of one simulation: none to three spatial axes and channels.
pub(super) fn input_shape(draws: &mut Draws<'_>) -> Vec<usize> {
    let rank = draws.below(4);
    let largest = [1, 40, 9, 5][rank];
    let mut shape: Vec<usize> = (0..rank).map(|_| draws.up_to(largest)).collect();
    shape.push(draws.up_to(3));
    shape
}

/// A network for data of this shape, with one to four summaries mostly.
pub(super) fn network(draws: &mut Draws<'_>, input: &[usize]) -> Network {
    let mut builder = Builder { smooth: draws.below(2) == 1, shape: input.to_vec(), layers: Vec::new() };
    for _ in 0..draws.up_to(5) {
        builder.block(draws, 0);
    }
    let size: usize = builder.shape.iter().product();
    if size > 6 || draws.below(4) > 0 {
        match draws.below(3) {
            0 if builder.has_windows() => builder.push(global_avg_pool(), vec![builder.channels()]),
            1 => builder.push(flatten(), vec![size]),
            _ => {}
        }
        // Where positions are left, they are summaries too.
        let features = draws.up_to(4);
        builder.dense(features);
        let size: usize = builder.shape.iter().product();
        if size > 8 {
            builder.push(flatten(), vec![size]);
            builder.dense(features);
        }
    }
    builder.layers.into()
}

/// Layers so far, and the shape that they give.
struct Builder {
    /// Whether activations with a second derivative occur.
    smooth: bool,
    shape: Vec<usize>,
    layers: Vec<Layer>,
}

impl Builder {
    fn push(&mut self, layer: Layer, shape: Vec<usize>) {
        self.layers.push(layer);
        self.shape = shape;
    }

    fn channels(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }

    fn set_channels(&mut self, channels: usize) {
        let last = self.shape.len() - 1;
        self.shape[last] = channels;
    }

    fn rank(&self) -> usize {
        self.shape.len() - 1
    }

    fn has_windows(&self) -> bool {
        (1..=3).contains(&self.rank())
    }

    fn dense(&mut self, features: usize) {
        self.layers.push(dense(features));
        self.set_channels(features);
    }

    /// One layer, or a few that the engine treats together.
    fn block(&mut self, draws: &mut Draws<'_>, depth: usize) {
        match draws.below(15) {
            0 => {
                let features = draws.channels();
                self.dense(features);
            }
            1 | 2 if self.has_windows() => self.conv(draws),
            3 if self.has_windows() => self.pool(draws),
            4 | 5 if self.has_windows() => self.map_before_windows(draws),
            6 if self.has_windows() => self.read_with_strides(draws),
            7 if draws.below(3) == 0 => self.rename(draws),
            12 => self.standardise(draws),
            14 => self.slice(draws),
            13 if self.has_windows() => self.pooled(draws),
            8 | 9 if depth < 2 => self.parallel(draws, depth),
            10 if depth < 2 => self.residual(draws, depth),
            _ => self.activation(draws),
        }
    }

    fn conv(&mut self, draws: &mut Draws<'_>) {
        let (kernel, strides, padding) = self.window(draws);
        let filters = draws.channels();
        self.layers.push(conv(filters, &kernel, &strides, padding));
        self.set_channels(filters);
    }

    /// One number for all channels or one for each, of order one.
    fn standardise(&mut self, draws: &mut Draws<'_>) {
        let channels = self.channels();
        let mut list = |least: f64| -> Vec<f64> {
            let len = if draws.below(2) == 0 { 1 } else { channels };
            (0..len).map(|_| least + draws.below(9) as f64 / 4.0).collect()
        };
        self.layers.push(standardise(&list(-1.0), &list(0.5)));
    }

    /// Some consecutive lines of the first axis.
    fn slice(&mut self, draws: &mut Draws<'_>) {
        let lines = self.shape[0];
        let first = draws.below(lines);
        let mut shape = self.shape.clone();
        shape[0] = 1 + draws.below(lines - first);
        let line: usize = shape[1..].iter().product();
        self.push(slice(first * line, &shape), shape);
    }

    /// A convolution, an activation and the mean over all positions.
    fn pooled(&mut self, draws: &mut Draws<'_>) {
        self.conv(draws);
        self.activation(draws);
        self.push(global_avg_pool(), vec![self.channels()]);
    }

    fn pool(&mut self, draws: &mut Draws<'_>) {
        if draws.below(5) == 4 {
            let shape = vec![self.channels()];
            let layer = if draws.below(2) == 0 { global_max_pool() } else { global_avg_pool() };
            return self.push(layer, shape);
        }
        let (window, strides, padding) = self.window(draws);
        let pool = if draws.below(2) == 0 { max_pool } else { avg_pool };
        self.layers.push(pool(&window, &strides, padding));
    }

    /// A map of the channels, perhaps with an activation or another map after it, then a convolution.
    fn map_before_windows(&mut self, draws: &mut Draws<'_>) {
        let features = draws.channels();
        if draws.below(2) == 0 {
            self.dense(features);
        } else {
            let ones = vec![1; self.rank()];
            let padding = draws.padding();
            self.layers.push(conv(features, &ones, &ones, padding));
            self.set_channels(features);
        }
        match draws.below(4) {
            0 => self.activation(draws),
            1 => self.dense(features),
            _ => {}
        }
        if draws.below(4) == 0 { self.pool(draws) } else { self.conv(draws) }
    }

    /// A pool or a convolution at every position, of which a layer with strides reads a few.
    fn read_with_strides(&mut self, draws: &mut Draws<'_>) {
        let rank = self.rank();
        let window: Vec<usize> = (0..rank).map(|_| draws.up_to(3)).collect();
        let (ones, padding) = (vec![1; rank], [Padding::Same, Padding::Circular][draws.below(2)]);
        match draws.below(3) {
            0 => self.layers.push(max_pool(&window, &ones, padding)),
            1 => self.layers.push(avg_pool(&window, &ones, padding)),
            _ => {
                let filters = draws.channels();
                self.layers.push(conv(filters, &window, &ones, padding));
                self.set_channels(filters);
            }
        }
        match draws.below(4) {
            0 => self.activation(draws),
            1 => self.standardise(draws),
            _ => {}
        }
        let strides: Vec<usize> = (0..rank).map(|_| 1 + draws.up_to(2)).collect();
        let filters = draws.channels();
        self.layers.push(conv(filters, &ones, &strides, draws.padding()));
        self.stride(&strides);
        self.set_channels(filters);
    }

    /// Other names for the same numbers.
    fn rename(&mut self, draws: &mut Draws<'_>) {
        let size = self.shape.iter().product();
        if draws.below(2) == 0 {
            self.push(flatten(), vec![size]);
        } else {
            let mut shape = self.shape.clone();
            shape.reverse();
            self.push(reshape(&shape), shape);
        }
    }

    fn activation(&mut self, draws: &mut Draws<'_>) {
        let kinks = [Activation::Relu, Activation::LeakyRelu, Activation::Relu, Activation::Identity];
        let all = if self.smooth { &Activation::ALL[..] } else { &kinks[..] };
        let activation = all[draws.below(all.len())];
        // Keep log1p inside its domain and exp from running away.
        match activation {
            Activation::Log1p => self.layers.push(Activation::Sigmoid.into()),
            Activation::Exp => self.layers.push(Activation::Tanh.into()),
            _ => {}
        }
        self.layers.push(activation.into());
    }

    /// Branches with the same positions: any layers that keep them, then one with strides that all have.
    fn parallel(&mut self, draws: &mut Draws<'_>, depth: usize) {
        let join = if draws.below(2) == 0 { Join::Concat } else { Join::Sum };
        let strides: Option<Vec<usize>> =
            (self.has_windows() && draws.below(2) == 0).then(|| (0..self.rank()).map(|_| draws.up_to(3)).collect());
        let features = draws.channels();
        let branches: Vec<Builder> = (0..draws.up_to(4))
            .map(|_| {
                let mut branch = self.branch(draws, depth);
                let features = if join == Join::Sum { features } else { draws.channels() };
                branch.end(draws, strides.as_deref(), features, join == Join::Concat);
                branch
            })
            .collect();
        let mut shape = branches[0].shape.clone();
        let last = shape.len() - 1;
        if join == Join::Concat {
            shape[last] = branches.iter().map(Builder::channels).sum();
        }
        let branches = branches.into_iter().map(|branch| branch.layers.into()).collect();
        self.push(Parallel { branches, join }.into(), shape);
    }

    fn residual(&mut self, draws: &mut Draws<'_>, depth: usize) {
        let mut branch = self.branch(draws, depth);
        branch.end(draws, None, self.channels(), false);
        if draws.below(2) == 0 {
            branch.activation(draws);
        }
        self.layers.push(residual(branch.layers.into()));
    }

    /// The beginning of a branch: layers that keep the positions.
    fn branch(&self, draws: &mut Draws<'_>, depth: usize) -> Builder {
        let mut branch = Builder { smooth: self.smooth, shape: self.shape.clone(), layers: Vec::new() };
        for _ in 0..draws.below(3) {
            match draws.below(6) {
                0 => branch.activation(draws),
                5 => branch.standardise(draws),
                1 => {
                    let features = draws.channels();
                    branch.dense(features);
                }
                2 if self.has_windows() => {
                    let ones = vec![1; self.rank()];
                    branch.windows(draws, &ones, None);
                }
                3 if depth == 0 => {
                    let before = branch.shape.clone();
                    let mut inner = Builder { shape: before.clone(), layers: Vec::new(), smooth: self.smooth };
                    inner.parallel(draws, depth + 1);
                    // Nested branches may have strides of their own, which would not fit the others.
                    if inner.shape[..inner.rank()] == before[..before.len() - 1] {
                        branch.layers.append(&mut inner.layers);
                        branch.shape = inner.shape;
                    }
                }
                3 if depth == 1 => branch.residual(draws, depth + 1),
                _ => branch.activation(draws),
            }
        }
        branch
    }

    /// The end of a branch, with a number of channels unless `free`.
    fn end(&mut self, draws: &mut Draws<'_>, strides: Option<&[usize]>, channels: usize, free: bool) {
        match strides {
            Some(strides) if free && draws.below(3) == 0 => self.windows(draws, strides, None),
            Some(strides) => self.windows(draws, strides, Some(channels)),
            None if free && draws.below(3) == 0 => {}
            None if self.has_windows() && draws.below(2) == 0 => {
                let ones = vec![1; self.rank()];
                self.windows(draws, &ones, Some(channels));
            }
            None => self.dense(channels),
        }
        if draws.below(3) == 0 {
            self.activation(draws);
        }
    }

    /// A convolution with so many filters, or a pool, at `ceil(n / stride)` positions of each axis.
    fn windows(&mut self, draws: &mut Draws<'_>, strides: &[usize], filters: Option<usize>) {
        let window: Vec<usize> = strides.iter().map(|_| draws.up_to(3)).collect();
        let padding = [Padding::Same, Padding::Circular][draws.below(2)];
        match filters {
            Some(filters) => {
                self.layers.push(conv(filters, &window, strides, padding));
                self.set_channels(filters);
            }
            None if draws.below(2) == 0 => self.layers.push(max_pool(&window, strides, padding)),
            None => self.layers.push(avg_pool(&window, strides, padding)),
        }
        self.stride(strides);
    }

    fn stride(&mut self, strides: &[usize]) {
        self.shape.iter_mut().zip(strides).for_each(|(n, &stride)| *n = n.div_ceil(stride));
    }

    /// A window of any padding; the spatial axes follow.
    fn window(&mut self, draws: &mut Draws<'_>) -> (Vec<usize>, Vec<usize>, Padding) {
        let padding = draws.padding();
        let (mut kernel, mut strides) = (Vec::new(), Vec::new());
        let rank = self.rank();
        for n in &mut self.shape[..rank] {
            let (mut k, s) = (draws.up_to(4), draws.up_to(3));
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
}
