//! The commands, each from its arguments to the text it prints.

mod fisher;
mod plot;

pub(crate) use fisher::fisher;
pub(crate) use plot::plot;
