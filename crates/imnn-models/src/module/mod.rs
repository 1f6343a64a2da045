//! Networks that exist as dfdx modules.

mod known;
mod wrapper;

pub use known::KnownModule;
pub use wrapper::{Batched, DfdxModule};
