//! Training of ensembles.

mod data;
mod member;
mod notes;
mod settings;
mod state;
mod training;

pub use member::{End, Epoch, MemberState, Progress};
pub use notes::Note;
pub use settings::TrainingSettings;
pub use state::TrainingState;
pub use training::{MemberReport, Status, Trained, Training, train};

#[cfg(test)]
mod tests;
