//! A dfdx tape that several tensors share, or none.
//!
//! dfdx moves its tape along with one tensor and merges tapes where tensors meet. A network with branches and with
//! tangents beside values would split and merge at every layer; here all tensors of one pass point to one tape instead.

use super::element::Element;
use dfdx::tensor::{Cpu, Gradients, HasErr, Merge, NoneTape, OwnedTape};
use std::cell::RefCell;
use std::rc::Rc;

/// The tape of one pass through a network: shared by its tensors, or absent where no gradient is wanted.
#[derive(Clone)]
pub struct Tape<E: Element>(Option<Rc<RefCell<OwnedTape<E, Cpu>>>>);

impl<E: Element> Tape<E> {
    /// A new tape that records.
    pub fn recording() -> Self {
        Tape(Some(Rc::default()))
    }

    /// Whether operations are recorded.
    pub fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the record out, leaving an empty one.
    pub(crate) fn take(&self) -> Option<OwnedTape<E, Cpu>> {
        self.0.as_ref().map(|tape| tape.take())
    }
}

impl<E: Element> Default for Tape<E> {
    /// No tape: nothing is recorded.
    fn default() -> Self {
        Tape(None)
    }
}

impl<E: Element> std::fmt::Debug for Tape<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tape(recording: {})", self.is_recording())
    }
}

impl<E: Element> Merge<NoneTape> for Tape<E> {
    fn merge(self, _: NoneTape) -> Self {
        self
    }
}

impl<E: Element> Merge<Tape<E>> for Tape<E> {
    /// All recording tensors of a pass share one tape, so whichever is there is the one.
    fn merge(self, other: Tape<E>) -> Self {
        Tape(self.0.or(other.0))
    }
}

impl<E: Element> dfdx::tensor::Tape<E, Cpu> for Tape<E> {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, operation: F)
    where
        F: 'static + FnOnce(&mut Gradients<E, Cpu>) -> Result<(), <Cpu as HasErr>::Err>,
    {
        if let Some(tape) = &self.0 {
            dfdx::tensor::Tape::add_backward_op(&mut *tape.borrow_mut(), operation);
        }
    }
}
