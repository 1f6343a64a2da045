//! What an optimiser remembers between updates.

use imnn_sim::Real;

/// What an optimiser keeps beside the parameters: named vectors as long as the parameters (Adam: `m`, `v`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimiserState<E> {
    slots: Vec<(String, Vec<E>)>,
}

impl<E: Real> OptimiserState<E> {
    /// These vectors, by name.
    pub fn new(slots: Vec<(String, Vec<E>)>) -> Self {
        OptimiserState { slots }
    }

    /// Vectors of `n` zeros with these names.
    pub fn zeros(names: &[&str], n: usize) -> Self {
        OptimiserState::new(names.iter().map(|name| (name.to_string(), vec![E::zero(); n])).collect())
    }

    /// The vectors with their names.
    pub fn slots(&self) -> &[(String, Vec<E>)] {
        &self.slots
    }

    /// The vector called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&[E]> {
        self.slots.iter().find(|(slot, _)| slot == name).map(|(_, vector)| vector.as_slice())
    }

    /// The vectors called `names`, to be changed.
    ///
    /// # Panics
    /// If one is missing or has not the length `n`: the state belongs to another optimiser or network.
    pub fn vectors_mut<const N: usize>(&mut self, names: [&str; N], n: usize) -> [&mut [E]; N] {
        let mut found: [Option<&mut [E]>; N] = [const { None }; N];
        for (slot, vector) in &mut self.slots {
            if let Some(at) = names.iter().position(|name| name == slot) {
                found[at] = Some(vector);
            }
        }
        let mut names = names.into_iter();
        found.map(|vector| {
            let name = names.next().unwrap_or_default();
            match vector {
                Some(vector) if vector.len() == n => vector,
                _ => panic!("the optimiser state has no vector {name:?} of {n} entries; see Optimiser::check"),
            }
        })
    }
}
