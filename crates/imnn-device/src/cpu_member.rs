//! The threads of a CPU as a member.

use crate::bench::{Bench, Work};
use crate::crew::lock;
use crate::error::Result;
use crate::member::{Member, Pass};
use crate::program::{Kept, Program};
use crate::shape::Shape;
use imnn_models::Element;
use ndarray::ArrayView2;
use std::ops::Range;
use std::sync::Mutex;

/// A program with the memory of those who run it.
pub(crate) struct CpuMember<E: Element> {
    program: Box<dyn Program<E>>,
    /// Bytes that leaves may keep between the passes.
    memory: usize,
    /// The memory of each worker, with a place for leaves that are not kept.
    benches: Vec<Mutex<(Bench<E>, Kept<E>)>>,
}

impl<E: Element> CpuMember<E> {
    pub(crate) fn new(program: Box<dyn Program<E>>, threads: usize, memory: usize) -> Self {
        CpuMember { program, memory, benches: (0..threads).map(|_| Mutex::default()).collect() }
    }

    fn work<'a>(&'a self, pass: &Pass<'a, E>) -> Work<'a, E> {
        Work { program: self.program.as_ref(), task: pass.task, shape: pass.shape }
    }
}

impl<E: Element> Member<E> for CpuMember<E> {
    /// A leaf fills the caches of a core; more at a time would only make others wait.
    fn leaves_at_once(&self) -> usize {
        1
    }

    fn fitting(&self, shape: &Shape, leaves: Range<usize>) -> usize {
        let (mut left, mut bytes, mut last) = (self.memory, 0, None);
        for k in leaves.clone() {
            let rows = shape.rows(k);
            if last != Some(rows) {
                let (numbers, indices) = self.program.kept(rows);
                bytes = numbers * size_of::<E>() + indices * size_of::<u32>();
                last = Some(rows);
            }
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => return k - leaves.start,
            }
        }
        leaves.len()
    }

    fn load(&mut self, weights: &[E]) -> Result<()> {
        self.program.load(weights);
        Ok(())
    }

    fn gradient(&self) -> usize {
        self.program.gradient()
    }

    fn forward(
        &self,
        worker: usize,
        pass: &Pass<'_, E>,
        leaves: Range<usize>,
        made: &(dyn Fn(usize, &[E]) + Sync),
    ) -> Result<()> {
        let work = self.work(pass);
        let (bench, spare) = &mut *lock(&self.benches[worker]);
        for k in leaves {
            let summaries = match pass.place(k) {
                Some(place) => bench.forward(&work, k, &mut lock(place))?,
                None => bench.forward(&work, k, spare)?,
            };
            made(k, summaries);
        }
        Ok(())
    }

    fn backward(
        &self,
        worker: usize,
        pass: &Pass<'_, E>,
        runs: Range<usize>,
        cotangents: (ArrayView2<'_, f64>, &[E]),
        gradients: &[Mutex<Vec<E>>],
    ) -> Result<()> {
        let work = self.work(pass);
        let (bench, spare) = &mut *lock(&self.benches[worker]);
        for run in runs.rev() {
            let gradient = &mut *lock(&gradients[run]);
            gradient.clear();
            gradient.resize(self.program.gradient(), E::zero());
            for k in pass.shape.leaves.run(run).rev() {
                if let Some(place) = pass.place(k) {
                    bench.backward(&work, k, &lock(place), cotangents, gradient)?;
                } else {
                    bench.again(&work, k, spare)?;
                    bench.backward(&work, k, spare, cotangents, gradient)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&self, weights: &[E], gradient: &mut [E]) {
        self.program.finish(weights, gradient);
    }
}
