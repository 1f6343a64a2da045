//! Where samples of noise come from.

use std::fmt::{Debug, Formatter};

use imnn_sim::{Key, Real, Simulator};

use crate::rows::read_finite;
use crate::scratch::{NUMBERS, first, lend};
use crate::sources::on_the_fly::Place;
use crate::transforms::augment::below;
use crate::{DataError, RowArray};

pub(super) enum Origin<E: Real> {
    /// The rows of an array.
    Bank(Box<dyn RowArray<E>>),
    /// A simulator at fixed parameters.
    Simulated { simulator: Box<dyn Simulator>, theta: Vec<f64> },
}

impl<E: Real> Origin<E> {
    pub(super) fn bank(&self) -> Option<&dyn RowArray<E>> {
        match self {
            Self::Bank(bank) => Some(&**bank),
            Self::Simulated { .. } => None,
        }
    }

    /// Writes the sample of `key`, all of it finite, into `noise`, which is as long as one; it is for the simulation `row`.
    pub(super) fn draw(&self, key: Key, row: usize, shape: &[usize], noise: &mut [E]) -> Result<(), DataError> {
        match self {
            Self::Bank(bank) => {
                let sample = below(&mut key.rng(), bank.shape()[0]);
                read_finite(&**bank, sample..sample + 1, noise)
            }
            Self::Simulated { simulator, theta } => lend(&NUMBERS, |numbers| {
                let numbers = first(numbers, noise.len());
                simulator.simulate(key, theta, numbers);
                Place { row, theta, shape }.check::<E>(numbers, || "the noise".to_owned())?;
                noise.iter_mut().zip(numbers).for_each(|(to, from)| *to = E::of(*from));
                Ok(())
            }),
        }
    }
}

impl<E: Real> Debug for Origin<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bank(bank) => write!(f, "Bank({}, {:?})", bank.label(), bank.shape()),
            Self::Simulated { theta, .. } => write!(f, "Simulated({theta:?})"),
        }
    }
}
