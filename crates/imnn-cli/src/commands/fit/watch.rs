//! What is shown while a network trains.

use std::ops::ControlFlow;

use imnn::fit::{Bar, Observer, Progress, Silent};

use super::interrupt;

/// Shows progress and ends training where Ctrl-C asks for it.
pub(super) struct Watch {
    shown: Box<dyn Observer>,
}

impl Watch {
    pub(super) fn new(shows: bool) -> Self {
        Self { shown: if shows { Box::new(Bar::new()) } else { Box::new(Silent) } }
    }
}

impl Observer for Watch {
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.shown.iteration(progress)?;
        if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
