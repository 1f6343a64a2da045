//! What a pass through a network records on dfdx's tape: values with their tangents, and how our own operations are put
//! there.

mod dual;
mod ops;
mod record;

pub use dual::Dual;
pub(crate) use ops::{add_gradient, back_propagate, cpu, recorded, scaled, send_gradient, to_vec, unary};
pub use record::{Matrix, Tape, Vector};
