//! Simulations that the card makes itself, of the built-in simulators that it knows.
//!
//! A simulation is the same function of key and parameters as on the host, to rounding: the same generator, the same
//! numbers drawn in the same order, and then
//!
//! ```text
//! GaussianMeanVariance   d = mu + sqrt(Sigma) z
//! NoisyLine              d = z + (m + sqrt(v) s) x
//! PowerLawField          d = ifft(S fft(w)) = H (S o (H w H)) H,    H_ij = (cos + sin)(2 pi i j / n) / sqrt(n)
//! ```
//!
//! with derivatives, or simulations below and above from the same noise, beside each. Fields are matrix products over many
//! images at once: these lie as `(n, rows, n)`, so that a product with H along either axis is a single one.
//!
//! The numbers are drawn in double precision and held in that of the network. A rejection of the ziggurat is decided by
//! exp and log, whose last bits may differ between card and host: once in some 1e16 draws a simulation then goes on with
//! other numbers, as random as those of the host.

#[cfg(test)]
mod in_sessions;
mod noise;
mod recipe;
#[cfg(test)]
mod tests;

use super::backend::{Argument, Backend, Command, Factor, Product, Span, count, launch};
use super::bytes;
use crate::error::Result;
use crate::shape::Shape;
use imnn_data::Simulated;
use imnn_models::Element;
use imnn_sim::Key;
use noise::{Noise, parts};
use recipe::{Work, hartley};
use std::ops::Range;

/// What simulating may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scratch {
    /// Bytes, of which it takes a quarter at most.
    pub(crate) memory: usize,
    /// Most numbers at a time.
    pub(crate) numbers: usize,
    /// How much of a simulation's bits a thread takes, in units of 64 bits.
    pub(crate) part: usize,
}

impl Scratch {
    /// A share of so many bytes.
    pub(crate) fn new(memory: usize) -> Self {
        Scratch { memory, numbers: 1 << 26, part: 128 }
    }
}

/// A source's simulations on a card.
pub(crate) struct Simulation {
    simulated: Simulated,
    noise: Noise,
    work: Placed,
    /// Simulations at a time.
    rows: usize,
    /// The noise of so many, then what it becomes.
    scratch: Span,
    /// The key that lies on the card.
    key: Option<Key>,
    memory: Vec<usize>,
    bytes: usize,
    /// What fills the place of each batch, as commands and as sequences.
    batches: Vec<Vec<Command>>,
    sequences: Vec<usize>,
}

/// [`Work`] on a card.
enum Placed {
    Affine { maps: Span },
    Line { x: Span, maps: Span },
    Fields { side: usize, hartley: Span, fields: Vec<PlacedField> },
}

struct PlacedField {
    filter: Span,
    /// Each block and its factor.
    blocks: Vec<(usize, Span)>,
}

impl Simulation {
    /// Readies what makes the simulations of a source of this shape; none where the card does not know how, or lacks room:
    /// they are then made on the host.
    ///
    /// # Errors
    /// If the card refuses, or has less memory than it said; nothing is then held.
    pub(crate) fn new<E: Element, B: Backend>(
        backend: &mut B,
        simulated: &Simulated,
        shape: &Shape,
        scratch: Scratch,
    ) -> Result<Option<Self>> {
        let Some(work) = Work::new::<E>(simulated, shape) else { return Ok(None) };
        let (draws, numbers) = (work.n_draws(shape.input), work.scratch(shape.input));
        let n_parts = parts(draws, scratch.part);
        let per_row = numbers * size_of::<E>() + if n_parts > 1 { 2 * n_parts * size_of::<u32>() } else { 0 };
        let tables = table_bytes::<E>(&work);
        let share = scratch.memory / 4;
        let rows = (scratch.numbers / numbers.max(1)).min(share.saturating_sub(tables) / per_row.max(1));
        let rows = rows.min(shape.n_s).max(1);
        let bytes = tables + rows * per_row;
        // Kernels count in 32 bits.
        if bytes > share || rows.saturating_mul(numbers.max(n_parts)) >= u32::MAX as usize {
            return Ok(None);
        }
        let mut taken = Taken { backend, memory: vec![] };
        let made = (|| {
            let counted = if n_parts > 1 { rows * n_parts } else { 0 };
            let (key, counts, places) =
                (taken.take::<u32>(8)?, taken.take::<u32>(counted)?, taken.take::<u32>(counted)?);
            let noise = Noise { len: draws, part: scratch.part, key, counts, places };
            let room = taken.take::<E>(rows * numbers)?;
            Ok((noise, room, place::<E, B>(&mut taken, work)?))
        })();
        let memory = taken.memory;
        match made {
            Ok((noise, scratch, work)) => {
                let simulated = simulated.clone();
                Ok(Some(Simulation {
                    simulated,
                    noise,
                    work,
                    rows,
                    scratch,
                    key: None,
                    memory,
                    bytes,
                    batches: vec![],
                    sequences: vec![],
                }))
            }
            Err(error) => {
                memory.into_iter().try_for_each(|memory| backend.free(memory))?;
                Err(error)
            }
        }
    }

    /// Bytes of the card that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives everything back.
    pub(crate) fn release<B: Backend>(self, backend: &mut B) -> Result<()> {
        self.sequences.into_iter().try_for_each(|sequence| backend.forget(sequence))?;
        self.memory.into_iter().try_for_each(|memory| backend.free(memory))
    }

    /// Puts the key of a pass where the commands of all batches read it.
    pub(crate) fn begin_pass<B: Backend>(&mut self, backend: &mut B, key: Key) -> Result<()> {
        if self.key == Some(key) {
            return Ok(());
        }
        self.key = None;
        let words = key.to_bytes();
        let words: Vec<u32> =
            words.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
        backend.upload(self.noise.key.memory, 0, bytes::of(&words))?;
        self.key = Some(key);
        Ok(())
    }

    /// Readies the next batch, `k`, whose place is `input`.
    pub(crate) fn prepare<B: Backend>(&mut self, backend: &mut B, shape: &Shape, k: usize, input: Span) -> Result<()> {
        let commands = self.commands(shape, k, input);
        self.sequences.push(backend.prepare(commands.clone())?);
        self.batches.push(commands);
        Ok(())
    }

    /// Makes the simulations of batch `k` with the key of the pass.
    pub(crate) fn run<B: Backend>(&mut self, backend: &mut B, key: Key, k: usize) -> Result<()> {
        self.begin_pass(backend, key)?;
        backend.run(self.sequences[k])
    }

    /// What [`run`](Self::run) runs for each batch that is ready, the key aside.
    pub(crate) fn batches(&self) -> &[Vec<Command>] {
        &self.batches
    }

    /// What fills the place of batch `k`: its simulations, then what is beside them, simulation by simulation.
    fn commands(&self, shape: &Shape, k: usize, input: Span) -> Vec<Command> {
        let (all, beside, len) = (shape.leaves.rows(k), shape.beside(k), shape.input);
        let (values, others) = (input.part(0..all.len() * len), input.from(all.len() * len));
        let mut commands = Vec::new();
        for start in (0..all.len()).step_by(self.rows) {
            let rows = start..(start + self.rows).min(all.len());
            let first = self.simulated.index(all.start + start, shape.n_d);
            let own = values.part(rows.start * len..rows.end * len);
            let their = others.part(rows.start * beside * len..rows.end * beside * len);
            match &self.work {
                Placed::Affine { maps } => {
                    let noise = self.draw(first, &rows, &mut commands);
                    let sizes = [Argument::Numbers(noise), count(len), Argument::Doubles(*maps), count(beside)];
                    let to = [own, their].map(Argument::Numbers);
                    launch(&mut commands, "simulate_affine", own.len, &[&sizes[..], &to].concat());
                }
                Placed::Line { x, maps } => {
                    let noise = self.draw(first, &rows, &mut commands);
                    let sizes = [
                        Argument::Numbers(noise),
                        count(self.noise.len),
                        Argument::Doubles(*x),
                        count(len),
                        Argument::Doubles(*maps),
                        count(beside),
                    ];
                    let to = [own, their].map(Argument::Numbers);
                    launch(&mut commands, "simulate_line", own.len, &[&sizes[..], &to].concat());
                }
                Placed::Fields { side, hartley, fields } => {
                    self.fields(first, rows.len(), (*side, *hartley), fields, (own, their, beside), &mut commands);
                }
            }
        }
        commands
    }

    /// Noise, one simulation after the other.
    fn draw(&self, first: u64, rows: &Range<usize>, commands: &mut Vec<Command>) -> Span {
        let noise = self.scratch.part(0..rows.len() * self.noise.len);
        self.noise.draw(first, rows.len(), (self.noise.len, 0), noise, commands);
        noise
    }

    fn fields(
        &self,
        first: u64,
        rows: usize,
        (side, hartley): (usize, Span),
        fields: &[PlacedField],
        (own, their, beside): (Span, Span, usize),
        commands: &mut Vec<Command>,
    ) {
        let (line, len) = (rows * side, side * side);
        let [modes, one, other] = [0, 1, 2].map(|k| self.scratch.part(k * rows * len..(k + 1) * rows * len));
        let factor = |span, ld| Factor { span, ld, transposed: false };
        // Of images (side, rows, side) along the last axis, and along the first.
        let along_last = |from, to| {
            let (m, n, k, a, b) = (line, side, side, factor(from, side), factor(hartley, side));
            Command::Precise(Product { m, n, k, a, b, c: to, ld: side, accumulate: false })
        };
        let along_first = |from, to| {
            let (m, n, k, a, b) = (side, line, side, factor(hartley, side), factor(from, line));
            Command::Precise(Product { m, n, k, a, b, c: to, ld: line, accumulate: false })
        };
        self.noise.draw(first, rows, (side, line), modes, commands);
        commands.extend([along_last(modes, one), along_first(one, modes)]);
        for field in fields {
            let blocks: Vec<_> = field.blocks.iter().filter(|&&(block, _)| block <= beside).collect();
            if blocks.is_empty() {
                continue;
            }
            let [from, to] = [modes, one].map(Argument::Numbers);
            let filter = Argument::Numbers(field.filter);
            launch(commands, "filter_modes", rows * len, &[from, count(rows), count(side), filter, to]);
            commands.extend([along_first(one, other), along_last(other, one)]);
            for &(block, factor) in blocks {
                let (to, apart) = if block == 0 { (own, len) } else { (their.from((block - 1) * len), beside * len) };
                let (factor, to) = (Argument::Doubles(factor), Argument::Numbers(to));
                launch(
                    commands,
                    "place_fields",
                    rows * len,
                    &[Argument::Numbers(one), count(rows), count(side), factor, count(apart), to],
                );
            }
        }
    }
}

/// Memory that is being taken.
struct Taken<'a, B> {
    backend: &'a mut B,
    memory: Vec<usize>,
}

impl<B: Backend> Taken<'_, B> {
    fn take<T>(&mut self, len: usize) -> Result<Span> {
        let memory = self.backend.allocate(len * size_of::<T>())?;
        self.memory.push(memory);
        Ok(Span { memory, start: 0, len })
    }

    fn put<T: Copy + 'static>(&mut self, values: &[T]) -> Result<Span> {
        let span = self.take::<T>(values.len())?;
        self.backend.upload(span.memory, 0, bytes::of(values))?;
        Ok(span)
    }
}

/// Bytes of the tables that [`place`] uploads, and of the key.
fn table_bytes<E>(work: &Work) -> usize {
    let doubles = size_of::<f64>();
    32 + match work {
        Work::Affine { maps } => maps.len() * doubles,
        Work::Line { x, maps, .. } => (x.len() + maps.len()) * doubles,
        Work::Fields { side, fields } => {
            let n_factors: usize = fields.iter().map(|field| field.blocks.len()).sum();
            (1 + fields.len()) * side * side * size_of::<E>() + n_factors * doubles
        }
    }
}

fn place<E: Element, B: Backend>(taken: &mut Taken<'_, B>, work: Work) -> Result<Placed> {
    let narrow = |values: &[f64]| -> Vec<E> { values.iter().map(|&value| E::of(value)).collect() };
    Ok(match work {
        Work::Affine { maps } => Placed::Affine { maps: taken.put(&maps)? },
        Work::Line { x, maps, .. } => Placed::Line { x: taken.put(&x)?, maps: taken.put(&maps)? },
        Work::Fields { side, fields } => {
            let hartley = taken.put(&narrow(&hartley(side)))?;
            let mut placed = Vec::new();
            for field in fields {
                let filter = taken.put(&narrow(&field.filter))?;
                let mut blocks = Vec::new();
                for (block, factor) in field.blocks {
                    blocks.push((block, taken.put(&[factor])?));
                }
                placed.push(PlacedField { filter, blocks });
            }
            Placed::Fields { side, hartley, fields: placed }
        }
    })
}
