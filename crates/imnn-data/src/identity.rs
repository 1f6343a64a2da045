//! Which simulations a source gives.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that no other set of simulations in this program has; a copy is the same set.
///
/// ```
/// use imnn_data::Identity;
///
/// let identity = Identity::new();
/// assert_eq!(identity.clone().number(), identity.number());
/// assert_ne!(Identity::new().number(), identity.number());
/// ```
#[derive(Clone, Debug)]
pub struct Identity(u64);

impl Identity {
    /// That of a new set of simulations.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Identity(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The number.
    pub fn number(&self) -> u64 {
        self.0
    }
}

impl Default for Identity {
    fn default() -> Self {
        Identity::new()
    }
}

/// Simulations are compared by what they are: which copy of them is no difference.
impl PartialEq for Identity {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
