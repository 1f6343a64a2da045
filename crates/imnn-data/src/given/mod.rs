//! Summaries that one has already, such as a power spectrum, behind the data of each simulation: a network that sees both can
//! add to them (Makinen, Heavens, Porqueres, Charnock, Lapel & Wandelt 2024, arXiv:2407.18909).

pub(crate) mod joined;
pub(crate) mod part;
pub(crate) mod power_spectrum;
mod rows;
mod spread;
pub(crate) mod summarised;
