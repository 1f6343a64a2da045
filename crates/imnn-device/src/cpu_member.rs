//! The threads of a CPU as a member.

use crate::error::Result;
use crate::member::{Member, Pass};
use crate::shape::Shape;
use crate::workspace::{Work, Workspace};
use imnn_compute::threads::lock;
use imnn_engine::{Program, Saved};
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
    workspaces: Vec<Mutex<(Workspace<E>, Saved<E>)>>,
}

impl<E: Element> CpuMember<E> {
    pub(crate) fn new(program: Box<dyn Program<E>>, threads: usize, memory: usize) -> Self {
        CpuMember { program, memory, workspaces: (0..threads).map(|_| Mutex::default()).collect() }
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
                let (numbers, indices) = self.program.saved_len(rows);
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
        self.program.gradient_len()
    }

    fn forward(
        &self,
        worker: usize,
        pass: &Pass<'_, E>,
        leaves: Range<usize>,
        made: &(dyn Fn(usize, &[E]) + Sync),
    ) -> Result<()> {
        let work = self.work(pass);
        let (workspace, spare) = &mut *lock(&self.workspaces[worker]);
        for k in leaves {
            let summaries = match pass.place(k) {
                Some(place) => workspace.forward(&work, k, &mut lock(place))?,
                None => workspace.forward(&work, k, spare)?,
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
        let (workspace, spare) = &mut *lock(&self.workspaces[worker]);
        for run in runs.rev() {
            let gradient = &mut *lock(&gradients[run]);
            gradient.clear();
            gradient.resize(self.program.gradient_len(), E::zero());
            for k in pass.shape.leaves.run(run).rev() {
                if let Some(place) = pass.place(k) {
                    workspace.backward(&work, k, &lock(place), cotangents, gradient)?;
                } else {
                    workspace.recompute(&work, k, spare)?;
                    workspace.backward(&work, k, spare, cotangents, gradient)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&self, weights: &[E], gradient: &mut [E]) {
        self.program.finish(weights, gradient);
    }
}
