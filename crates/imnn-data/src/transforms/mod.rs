//! Random changes of simulations as they are read: symmetries, noise, whatever users write.

pub(crate) mod augment;
pub(crate) mod noise;
pub(crate) mod subset;
pub(crate) mod transform;
