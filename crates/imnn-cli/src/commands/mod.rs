//! The commands, each from its arguments to the text it prints.

pub(crate) mod data;
mod devices;
mod estimate;
mod fisher;
mod fit;
mod plot;
mod saved;
mod simulate;
mod summarise;

pub(crate) use data::data;
pub(crate) use devices::devices;
pub(crate) use estimate::estimate;
pub(crate) use fisher::fisher;
pub(crate) use fit::fit;
pub(crate) use plot::plot;
pub(crate) use simulate::simulate;
pub(crate) use summarise::summarise;
