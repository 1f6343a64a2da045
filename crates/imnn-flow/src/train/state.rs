//! All that training changes, as one value.

use super::member::MemberState;
use super::settings::TrainingSettings;
use crate::pairs::{Pairs, Split};
use imnn_sim::Key;

/// A training between two epochs: what [`super::Training::resume`] goes on from, to the same bits.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingState<E> {
    pub(crate) members: Vec<MemberState<E>>,
    /// What the training was begun with.
    pub(crate) settings: TrainingSettings,
    pub(crate) key: Key,
    /// Of pairs and split.
    pub(crate) checksum: u64,
}

impl<E> TrainingState<E> {
    /// The members.
    pub fn members(&self) -> &[MemberState<E>] {
        &self.members
    }

    /// What the training was begun with.
    pub fn settings(&self) -> &TrainingSettings {
        &self.settings
    }

    /// The key that the training was begun with.
    pub fn key(&self) -> Key {
        self.key
    }
}

/// A checksum of all numbers and of which are held out (FNV-1a, 64 bits): other data are noticed, not forgeries.
pub(super) fn checksum(pairs: &Pairs, split: &Split) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |word: u64| {
        for byte in word.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for array in [pairs.y(), pairs.c()] {
        array.shape().iter().for_each(|n| add(*n as u64));
        array.iter().for_each(|value| add(value.to_bits()));
    }
    split.validation().iter().for_each(|row| add(*row as u64));
    add(u64::MAX);
    split.training().iter().for_each(|row| add(*row as u64));
    hash
}
