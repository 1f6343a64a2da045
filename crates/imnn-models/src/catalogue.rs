//! What run files can name, in a line each.

/// A thing that run files can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogued {
    /// The name.
    pub name: &'static str,
    /// How it may be written.
    pub example: String,
    /// What it is.
    pub about: &'static str,
}

/// The lines of a help text: what to write, and what it is.
pub(crate) fn lines(catalogue: &[Catalogued]) -> String {
    let widest = catalogue.iter().map(|entry| entry.example.len()).filter(|&len| len <= 40).max().unwrap_or(0);
    let line = |entry: &Catalogued| {
        if entry.example.len() > widest {
            format!("{}\n{:widest$}  {}\n", entry.example, "", entry.about)
        } else {
            format!("{:widest$}  {}\n", entry.example, entry.about)
        }
    };
    catalogue.iter().map(line).collect()
}
