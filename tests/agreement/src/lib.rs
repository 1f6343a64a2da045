//! One suite for all engines: summaries, tangents and gradients of random networks against their definition on dfdx.
//!
//! The tests of this crate are those of the engine on a CPU; `imnn-device` runs the same cases on its emulated GPU.

#![allow(clippy::unwrap_used)] // For tests alone.

mod networks;

use imnn_engine::{MicrobatchCotangents, Program, Reference, Rows, Saved};
use imnn_models::{Element, Model};
use imnn_sim::Key;
use networks::{Draws, input_shape, network};
use proptest::prelude::*;

/// A network with weights, two microbatches of data and cotangents, all of order one.
#[derive(Debug)]
pub struct Case {
    /// The network.
    pub model: Model,
    /// Rows of each microbatch.
    pub microbatches: [Rows; 2],
    /// The weights.
    pub weights: Vec<f64>,
    /// Data of each microbatch.
    pub data: [Vec<f64>; 2],
    /// With respect to the summaries of each microbatch.
    pub cotangents: [Vec<f64>; 2],
    /// With respect to the tangents of all.
    pub tangents: Vec<f64>,
}

/// Summaries and tangents of both microbatches, then the gradient.
type Results = [Vec<f64>; 3];

impl Case {
    /// The case that these numbers and this seed describe.
    pub fn random(numbers: &[u16], seed: u64) -> Self {
        let mut draws = Draws::new(numbers);
        let microbatches = {
            let tangents = draws.below(4);
            [draws.below(5), draws.below(3)].map(|n| Rows { n: 1 + n, tangents })
        };
        let input = input_shape(&mut draws);
        let model = Model::new(network(&mut draws, &input), &input).unwrap();
        Case::of(model, microbatches, seed)
    }

    /// Random numbers for a network, in two microbatches.
    pub fn of(model: Model, microbatches: [Rows; 2], seed: u64) -> Self {
        let key = Key::new(seed);
        let normals = |purpose: u64, n: usize| normals(key.fold_in(purpose), n);
        let mut weights = normals(0, model.layout().len());
        for entry in model.layout().entries() {
            // Layer by layer the numbers stay of order one.
            let fan_in: usize = entry.shape[..entry.shape.len() - 1].iter().product();
            weights[entry.range()].iter_mut().for_each(|w| *w /= (fan_in as f64).sqrt());
        }
        let n_summaries = model.n_summaries();
        Case {
            weights,
            data: [1, 2].map(|microbatch| {
                normals(microbatch, microbatches[microbatch as usize - 1].total() * model.input_size())
            }),
            cotangents: [3, 4]
                .map(|microbatch| normals(microbatch, microbatches[microbatch as usize - 3].n * n_summaries)),
            tangents: normals(5, microbatches[0].tangents * n_summaries),
            model,
            microbatches,
        }
    }

    /// The random case of a seed alone.
    pub fn drawn(seed: u64) -> Self {
        let mut rng = Key::new(seed).rng();
        let numbers: Vec<u16> = (0..100).map(|_| imnn_sim::rand::Rng::next_u32(&mut rng) as u16).collect();
        Case::random(&numbers, seed)
    }

    /// The case with every number moved by so many roundings.
    fn shaken(&self, round: u64, size: f64) -> Self {
        let shake = |purpose: u64, values: &[f64]| -> Vec<f64> {
            let noise = normals(Key::new(round).fold_in(purpose), values.len());
            values.iter().zip(noise).map(|(v, z)| v * (1.0 + size * z)).collect()
        };
        Case {
            model: self.model.clone(),
            microbatches: self.microbatches,
            weights: shake(0, &self.weights),
            data: [1, 2].map(|microbatch| shake(microbatch, &self.data[microbatch as usize - 1])),
            cotangents: self.cotangents.clone(),
            tangents: self.tangents.clone(),
        }
    }

    /// What a program makes of the case.
    fn run<E: Element>(&self, mut program: impl Program<E>) -> Results {
        let narrow = |values: &[f64]| -> Vec<E> { values.iter().map(|&v| E::of(v)).collect() };
        let wide = |values: &[E]| -> Vec<f64> { values.iter().map(|v| v.f64()).collect() };
        let (weights, n_summaries) = (narrow(&self.weights), self.model.n_summaries());
        // Loading other weights first must leave no trace; nor must what lies in memory before a pass.
        program.load(&vec![E::one(); weights.len()]);
        program.load(&weights);
        let mut gradient = vec![E::zero(); program.gradient_len()];
        let (mut values, mut tangents) = (Vec::new(), Vec::new());
        for (microbatch, &rows) in self.microbatches.iter().enumerate() {
            let (n_numbers, n_indices) = program.saved_len(rows);
            let mut saved = Saved { indices: vec![u32::MAX; n_indices], ..Saved::default() };
            saved.numbers.resize(n_numbers);
            saved.numbers.fill(E::nan());
            let data = narrow(&self.data[microbatch]);
            saved.numbers[..data.len()].copy_from_slice(&data);
            let mut summaries = vec![E::nan(); rows.total() * n_summaries];
            let mut scratch = vec![E::nan(); program.scratch_len(rows)];
            program.forward(&weights, rows, &mut saved, &mut scratch, &mut summaries).unwrap();
            values.extend(wide(&summaries[..rows.n * n_summaries]));
            tangents.extend(wide(&summaries[rows.n * n_summaries..]));
            let (g, g_tangents) = (narrow(&self.cotangents[microbatch]), narrow(&self.tangents));
            let cotangents = MicrobatchCotangents { values: &g, tangents: &g_tangents };
            scratch.fill(E::nan());
            program.backward(&weights, rows, &saved, cotangents, &mut scratch, &mut gradient).unwrap();
        }
        program.finish(&weights, &mut gradient);
        [values, tangents, wide(&gradient[..weights.len()])]
    }

    fn definition<E: Element>(&self) -> Results {
        self.run::<E>(Reference::new(&self.model))
    }

    /// Compares a program with the definition in precision `E`; `tolerance` is relative to the largest entry of each array.
    ///
    /// # Errors
    /// If they differ by more than rounding can do.
    pub fn check<E: Element>(&self, program: impl Program<E>, tolerance: f64) -> Result<(), TestCaseError> {
        let (fused, expected) = (self.run::<E>(program), self.definition::<E>());
        prop_assume!(expected.iter().flatten().all(|v| v.is_finite()));
        let names = ["summaries", "tangents", "gradient"];
        for (k, (fused, expected)) in fused.iter().zip(&expected).enumerate() {
            let error = distance(fused, expected);
            let scale = largest(expected);
            if error.is_nan() || error > tolerance * scale {
                // Rounding may do as much: that of the definition, or of the input alone, where terms cancel or near a
                // kink of an activation or of a maximum. proptest fails if it comes to that in too many cases.
                let exact = &self.definition::<f64>()[k];
                let shaken = (0..32).map(|round| self.shaken(round, 4.0 * E::epsilon().f64()).definition::<f64>());
                let unavoidable =
                    shaken.map(|shaken| distance(&shaken[k], exact)).fold(distance(expected, exact), f64::max);
                prop_assert!(
                    error <= 8.0 * unavoidable,
                    "{}: error {error:e} of {scale:e}; rounding makes {unavoidable:e}; {:?}, data {:?}, {:?}",
                    names[k],
                    self.microbatches,
                    self.model.input_shape(),
                    self.model.network(),
                );
                return Err(TestCaseError::reject("ill-conditioned"));
            }
        }
        Ok(())
    }
}

fn normals(key: Key, n: usize) -> Vec<f64> {
    let mut values = vec![0.0; n];
    key.fill_normal(&mut values);
    values
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| v.abs().max(m))
}

/// The largest difference; a NaN where one is.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |m, d| if d <= m { m } else { d })
}

/// Numbers that describe a network.
pub fn numbers() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 100)
}
