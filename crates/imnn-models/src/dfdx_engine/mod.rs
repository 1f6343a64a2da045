//! Networks on dfdx: the definition of every layer on values and tangents, with reverse mode over both.

mod definition;
mod dual;
mod element;
mod ops;
mod tape;

pub use definition::{Batch, Output};
pub use dual::{Dual, Matrix, Vector};
pub use element::Element;
pub(crate) use ops::{send_gradient, to_vec};
pub use tape::Tape;

use crate::error::Result;
use crate::model::Model;

/// The summaries of a batch and their tangents.
///
/// ```text
/// x = f(w, d),   dx/dtheta_a = J_f(d) dd/dtheta_a
/// ```
///
/// # Errors
/// If dfdx or a user's layer refuses an operation.
pub fn forward<E: Element>(model: &Model, parameters: &[E], batch: &Batch<'_, E>) -> Result<Output<E>> {
    E::forward(model, parameters, batch)
}

/// Adds to `gradient` the vector-Jacobian product of the network with `cotangents`:
///
/// ```text
/// sum_i <c_i, dx_i/dw> + sum_ia <c_ia, d(dx_i/dtheta_a)/dw>
/// ```
///
/// # Errors
/// If dfdx or a user's layer refuses an operation.
pub fn backward<E: Element>(
    model: &Model,
    parameters: &[E],
    batch: &Batch<'_, E>,
    cotangents: &Output<E>,
    gradient: &mut [E],
) -> Result<()> {
    E::backward(model, parameters, batch, cotangents, gradient)
}
