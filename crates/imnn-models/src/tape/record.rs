//! A dfdx tape that several tensors share, or none.
//!
//! dfdx moves its tape along with one tensor and merges tapes where tensors meet. A network with branches and with
//! tangents beside values would split and merge at every layer; here all tensors of one pass point to one tape instead.

use crate::element::Element;
use dfdx::tensor::{Cpu, Gradients, HasErr, Merge, NoneTape, OwnedTape, Tensor};
use std::cell::RefCell;
use std::rc::Rc;

/// Rows of numbers, on the shared tape.
pub type Matrix<E> = Tensor<(usize, usize), E, Cpu, Tape<E>>;

/// A flat list of numbers, on the shared tape.
pub type Vector<E> = Tensor<(usize,), E, Cpu, Tape<E>>;

/// The tape of one pass through a network: shared by its tensors, or off where no gradient is wanted.
#[derive(Clone)]
pub struct Tape<E: Element>(Record<E>);

type Shared<E> = Rc<RefCell<OwnedTape<E, Cpu>>>;

#[derive(Clone)]
enum Record<E: Element> {
    /// Nothing is recorded.
    Off,
    /// The tape of a pass.
    Pass(Shared<E>),
    /// The tape of a tensor that has not met the pass yet, such as a weight that a dfdx module transposes before it uses
    /// it. What it holds goes to the tape of the pass where the two meet.
    Loose(Shared<E>),
}

impl<E: Element> Tape<E> {
    /// The tape of a pass that records.
    pub fn recording() -> Self {
        Tape(Record::Pass(Rc::default()))
    }

    /// No tape: nothing is recorded.
    pub fn off() -> Self {
        Tape(Record::Off)
    }

    /// Whether operations are recorded.
    pub fn is_recording(&self) -> bool {
        !matches!(self.0, Record::Off)
    }

    /// Takes the record out, leaving an empty one.
    pub(crate) fn take(&self) -> Option<OwnedTape<E, Cpu>> {
        match &self.0 {
            Record::Off => None,
            Record::Pass(tape) | Record::Loose(tape) => Some(tape.take()),
        }
    }
}

impl<E: Element> Default for Tape<E> {
    /// A tape of its own, for a tensor that is not part of a pass yet: dfdx makes one for each constant and weight that it
    /// works on before the data come in.
    fn default() -> Self {
        Tape(Record::Loose(Rc::default()))
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
    /// The tape of the pass stays and takes over what a loose one holds; where there is none, off wins.
    fn merge(self, other: Tape<E>) -> Self {
        match (&self.0, &other.0) {
            (Record::Pass(into), Record::Pass(from) | Record::Loose(from))
            | (Record::Loose(into), Record::Loose(from)) => {
                absorb(into, from);
                self
            }
            (Record::Loose(from), Record::Pass(into)) => {
                absorb(into, from);
                other
            }
            (Record::Off, Record::Pass(_)) | (Record::Loose(_), Record::Off) => other,
            (Record::Off, _) | (Record::Pass(_), Record::Off) => self,
        }
    }
}

/// Moves the operations of `from` to `into`. dfdx sorts operations by the time at which they were recorded.
fn absorb<E: Element>(into: &Shared<E>, from: &Shared<E>) {
    if !Rc::ptr_eq(into, from) {
        let merged = into.take().merge(from.take());
        into.replace(merged);
    }
}

impl<E: Element> dfdx::tensor::Tape<E, Cpu> for Tape<E> {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, operation: F)
    where
        F: 'static + FnOnce(&mut Gradients<E, Cpu>) -> Result<(), <Cpu as HasErr>::Err>,
    {
        if let Record::Pass(tape) | Record::Loose(tape) = &self.0 {
            dfdx::tensor::Tape::add_backward_op(&mut *tape.borrow_mut(), operation);
        }
    }
}
