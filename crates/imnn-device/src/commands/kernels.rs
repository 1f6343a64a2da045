//! The text of the kernels, and what each of them writes.

use imnn_models::activations;
use imnn_stats::Record;
use std::collections::HashMap;
use std::sync::LazyLock;

const COMMON: &str = include_str!("kernels/common.cuh");
/// The kernels of passes through networks.
const PASSES: [&str; 5] = [
    include_str!("kernels/dense.cu"),
    include_str!("kernels/activation.cu"),
    include_str!("kernels/windows.cu"),
    include_str!("kernels/rows.cu"),
    include_str!("kernels/compose.cu"),
];
/// The kernels of loss and optimisers.
const TRAINING: [&str; 3] =
    [include_str!("kernels/moments.cu"), include_str!("kernels/loss.cu"), include_str!("kernels/update.cu")];

/// Threads of a block.
pub(crate) const BLOCK: u32 = 256;
/// Rows and columns of the tile of a product that a block makes.
pub(crate) const TILE: [usize; 2] = [32, 64];
/// No more summaries than this are evaluated by one block.
pub(crate) const WHOLE_SUMMARIES: usize = 3;
/// Neighbouring numbers that a thread makes where it can.
pub(crate) const LONGEST_RUN: usize = 4;
/// More summaries than this are evaluated on the host: one thread of the card works out the loss.
pub(crate) const MOST_SUMMARIES: usize = 16;

/// How an update limits the gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    None,
    Norm,
    Value,
}

impl Limit {
    const ALL: [Limit; 3] = [Limit::None, Limit::Norm, Limit::Value];
}

/// The source of all kernels for numbers of `real`, the type's name in C.
pub(crate) fn source(real: &str) -> String {
    let parts: String = parts().collect();
    format!("#define REAL {real}\n{}{COMMON}{}{parts}", constants(), activations::cuda_source())
}

fn parts() -> impl Iterator<Item = &'static str> {
    PASSES.into_iter().chain(TRAINING)
}

/// What the kernels have in common with the Rust that launches them.
fn constants() -> String {
    let names = |names: Vec<String>| format!("enum {{ {} }};\n", names.join(", "));
    let limits = names(Limit::ALL.map(|limit| format!("LIMIT_{limit:?}").to_uppercase()).to_vec());
    let record = Record::NAMES.map(|name| format!("RECORD_{}", name.to_uppercase()));
    let record = names([vec!["RECORD_STATUS".into()], record.to_vec(), vec!["RECORD_LEN".into()]].concat());
    let doubles =
        [("SMALLEST_DIAGONAL", imnn_stats::SMALLEST_DIAGONAL), ("LARGEST_CONDITION", imnn_stats::LARGEST_CONDITION)];
    let doubles: String = doubles.iter().map(|(name, value)| format!("#define {name} {value:e}\n")).collect();
    let counts = [
        ("MOST", MOST_SUMMARIES),
        ("WHOLE_SUMMARIES", WHOLE_SUMMARIES),
        ("BLOCK", BLOCK as usize),
        ("ROWS", TILE[0]),
        ("COLUMNS", TILE[1]),
        ("LONGEST_RUN", LONGEST_RUN),
    ];
    let counts: String = counts.iter().map(|(name, value)| format!("#define {name} {value}u\n")).collect();
    format!("{limits}{record}{doubles}{counts}")
}

/// The C name of the type with so many bytes.
pub(crate) fn real(bytes: usize) -> &'static str {
    if bytes == size_of::<f32>() { "float" } else { "double" }
}

/// The names of all kernels.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    parts().flat_map(names_in)
}

/// Which of its arguments, behind the number of threads, a kernel writes; `None` if there is no such kernel.
pub(crate) fn writes(kernel: &str) -> Option<&'static [bool]> {
    static WRITES: LazyLock<HashMap<&'static str, Vec<bool>>> =
        LazyLock::new(|| parts().flat_map(declarations).collect());
    WRITES.get(kernel).map(Vec::as_slice)
}

/// The kernels of a text, each with which of its arguments it writes: those declared `OUT`.
fn declarations(text: &'static str) -> impl Iterator<Item = (&'static str, Vec<bool>)> {
    text.split("KERNEL ").skip(1).filter_map(|kernel| {
        let (name, rest) = kernel.split_once('(')?;
        let (arguments, _) = rest.split_once('{')?;
        let writes = |argument: &str| argument.trim_start().starts_with("OUT(");
        Some((name, arguments.split(',').skip(1).map(writes).collect()))
    })
}

fn names_in(text: &'static str) -> impl Iterator<Item = &'static str> {
    declarations(text).map(|(name, _)| name)
}

/// The names of those that passes through networks need.
#[cfg(test)]
pub(crate) fn names_of_passes() -> Vec<&'static str> {
    PASSES.into_iter().flat_map(names_in).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_say_what_they_write() {
        assert_eq!(writes("copy"), Some(&[false, false, true, false, false, false][..]));
        assert_eq!(writes("loss").unwrap()[9..], [true; 3]);
        assert!(names().all(|name| writes(name).unwrap().contains(&true)));
        assert_eq!(writes("no such kernel"), None);
    }

    #[test]
    fn kernels_have_names_and_constants() {
        let names: Vec<_> = names().collect();
        assert!(names.contains(&"gather") && names.contains(&"column_sums"));
        let lines = parts().flat_map(str::lines).filter(|line| line.starts_with("KERNEL ")).count();
        assert_eq!(names.len(), lines);
        let source = source("float");
        assert!(source.contains("INLINE Derivatives smooth(unsigned f, REAL v)"));
        assert!(source.contains("enum { LIMIT_NONE, LIMIT_NORM, LIMIT_VALUE };"));
        assert_eq!(Limit::ALL.map(|limit| limit as usize), [0, 1, 2]);
        // What is defined reads as the number it was made of.
        let defined = |name: &str| {
            let start = format!("#define {name} ");
            source.lines().find_map(|line| line.strip_prefix(&start)?.parse::<f64>().ok())
        };
        assert_eq!(defined("SMALLEST_DIAGONAL"), Some(f64::MIN_POSITIVE / f64::EPSILON));
        assert_eq!(defined("LARGEST_CONDITION"), Some(1e13));
    }
}
