//! One simulation with what belongs to it.

/// One simulation with what belongs to it: its exact derivatives, or the simulations below and above it.
///
/// With F the product of `shape` (row-major, channels last) and p the number of parameters:
#[derive(Debug)]
#[non_exhaustive]
pub struct Simulation<'a, E> {
    /// Which row of the source it is.
    pub row: usize,
    /// The shape of one simulation.
    pub shape: &'a [usize],
    /// The simulation at the fiducial, `F`.
    pub values: &'a mut [E],
    /// Its exact derivatives `(p, F)`; empty where there are none or others.
    pub derivatives: &'a mut [E],
    /// The simulations of the same seed `(2, p, F)`, 0 = below and 1 = above; empty where there are none or others.
    pub partners: &'a mut [E],
}

impl<E> Simulation<'_, E> {
    /// All that are data: the simulation, and those below and above. What is added goes to these.
    pub fn data(&mut self) -> impl Iterator<Item = &mut [E]> {
        let len = self.values.len().max(1);
        std::iter::once(&mut *self.values).chain(self.partners.chunks_exact_mut(len))
    }

    /// The data and the exact derivatives: what is linear, such as a mask or a symmetry, is applied to all of them.
    pub fn blocks(&mut self) -> impl Iterator<Item = &mut [E]> {
        let len = self.values.len().max(1);
        let derivatives = self.derivatives.chunks_exact_mut(len);
        std::iter::once(&mut *self.values).chain(derivatives).chain(self.partners.chunks_exact_mut(len))
    }
}
