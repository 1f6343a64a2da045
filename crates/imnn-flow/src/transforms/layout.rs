//! Which weight connects what: the masks of an autoregressive network, as blocks.
//!
//! Dimension i of y has degree i = 1..D, every condition degree 0, and a hidden unit a degree from 0 to D - 1; a unit sees
//! what has no larger degree, the parameters of dimension i see units of degree below i. Units of degree 0 see the context
//! alone: through them it reaches every dimension, the first too.
//!
//! Units are sorted by degree, and inputs are in the order (1, c, u_1, ..., u_{D-1}) or (1, h): so the weights of the units
//! of one degree are a rectangle, from the first column on, and what the mask forbids is never multiplied. The constant
//! input makes a bias of the first column.

use std::ops::Range;

/// Rows of a layer's weights, and how many columns from the first on they use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub rows: Range<usize>,
    pub cols: usize,
}

/// A layer of weights `(rows, cols)`, row-major, the first column being the bias.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// Where it begins in the weights of a transform.
    pub offset: usize,
    pub rows: usize,
    pub cols: usize,
    /// By degree 0..D; the rows of block g of the last layer are the parameters of dimension g (from 0).
    pub blocks: Vec<Block>,
    /// Neighbouring blocks put together, for products of a good size. What a block does not use in them has weight 0.
    pub panels: Vec<Block>,
}

/// The layers of one transform's network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub dims: usize,
    pub context: usize,
    /// Parameters of a bijection.
    pub per_dim: usize,
    pub layers: Vec<Layer>,
    /// Number of weights.
    pub len: usize,
}

/// Panels have at least this many rows, if the layer has; measured for layers of 50 units.
const PANEL: usize = 24;

impl Layout {
    pub fn new(dims: usize, context: usize, hidden: &[usize], per_dim: usize) -> Self {
        let mut layers = Vec::new();
        let mut offset = 0;
        // For each degree, how many inputs beside the constant have it or a smaller one.
        let mut inputs: Vec<usize> = (0..dims).map(|degree| context + degree).collect();
        for &units in hidden {
            let ends = ends(units, dims);
            layers.push(Layer::new(&mut offset, &inputs, &ends));
            inputs = ends;
        }
        let ends: Vec<usize> = (1..=dims).map(|i| i * per_dim).collect();
        layers.push(Layer::new(&mut offset, &inputs, &ends));
        Layout { dims, context, per_dim, layers, len: offset }
    }

    /// The degree of each unit of a hidden layer of this many units, sorted.
    pub fn degrees(units: usize, dims: usize) -> Vec<usize> {
        if units >= dims {
            let mut degrees: Vec<usize> = (0..units).map(|unit| unit % dims).collect();
            degrees.sort_unstable();
            return degrees;
        }
        // Fewer units than dimensions: spread over all degrees from 0, so that late dimensions see early ones.
        (0..units).map(|unit| if units == 1 { 0 } else { unit * (dims - 1) / (units - 1) }).collect()
    }
}

/// For each degree, how many units have it or a smaller one.
fn ends(units: usize, dims: usize) -> Vec<usize> {
    let degrees = Layout::degrees(units, dims);
    (0..dims).map(|degree| degrees.partition_point(|d| *d <= degree)).collect()
}

impl Layer {
    /// From how many inputs and outputs there are up to each degree.
    fn new(offset: &mut usize, inputs: &[usize], outputs: &[usize]) -> Self {
        let mut start = 0;
        let mut blocks = Vec::new();
        for (&inputs, &end) in inputs.iter().zip(outputs) {
            blocks.push(Block { rows: start..end, cols: 1 + inputs });
            start = end;
        }
        let (rows, cols) = (start, 1 + inputs.iter().copied().max().unwrap_or(0));
        let layer = Layer { offset: *offset, rows, cols, panels: panels(&blocks), blocks };
        *offset += rows * cols;
        layer
    }

    /// The weights of this layer among those of a transform.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.rows * self.cols
    }
}

fn panels(blocks: &[Block]) -> Vec<Block> {
    let mut panels: Vec<Block> = Vec::new();
    for block in blocks.iter().filter(|block| !block.rows.is_empty()) {
        match panels.last_mut() {
            Some(panel) if panel.rows.len() < PANEL => {
                panel.rows.end = block.rows.end;
                panel.cols = block.cols;
            }
            _ => panels.push(block.clone()),
        }
    }
    // A last panel of few rows goes with the one before it.
    if let [.., before, last] = &mut panels[..]
        && last.rows.len() < PANEL / 2
    {
        before.rows.end = last.rows.end;
        before.cols = last.cols;
        panels.pop();
    }
    panels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_masks_of_degrees() {
        for (dims, context, hidden) in [(1, 2, vec![6, 6]), (3, 2, vec![8, 9]), (5, 4, vec![16, 3]), (7, 0, vec![4])] {
            let layout = Layout::new(dims, context, &hidden, 5);
            let mut inputs: Vec<usize> = [vec![0; context], (1..dims).collect()].concat();
            for (layer, units) in layout.layers.iter().zip(&hidden) {
                let degrees = Layout::degrees(*units, dims);
                assert_eq!(degrees[0], 0, "units that see the context alone");
                for (degree, block) in layer.blocks.iter().enumerate() {
                    assert!(degrees[block.rows.clone()].iter().all(|d| *d == degree));
                    let seen = inputs.iter().filter(|input| **input <= degree).count();
                    assert_eq!(block.cols, 1 + seen, "{dims} {hidden:?} {degree}");
                }
                inputs = degrees;
            }
            let last = layout.layers.last().unwrap();
            for (g, block) in last.blocks.iter().enumerate() {
                assert_eq!(block.rows, g * 5..(g + 1) * 5);
                // Dimension g + 1 sees degrees below g + 1.
                assert_eq!(block.cols, 1 + inputs.iter().filter(|degree| **degree <= g).count());
            }
        }
    }

    #[test]
    fn panels_cover_all_rows_and_what_their_blocks_use() {
        for (dims, hidden) in [(1, 50), (2, 50), (3, 50), (5, 50), (10, 50), (20, 50), (8, 200), (9, 3)] {
            for layer in Layout::new(dims, 3, &[hidden, hidden], 23).layers {
                let mut next = 0;
                for panel in &layer.panels {
                    assert_eq!(panel.rows.start, next);
                    next = panel.rows.end;
                }
                assert_eq!(next, layer.rows);
                for block in layer.blocks.iter().filter(|block| !block.rows.is_empty()) {
                    let holds = |panel: &&Block| panel.rows.contains(&block.rows.start);
                    assert!(layer.panels.iter().find(holds).unwrap().cols >= block.cols);
                }
            }
        }
    }
}
