//! The text of the kernels.

use imnn_stats::Record;

const COMMON: &str = include_str!("kernels/common.cuh");
/// Those of passes through networks.
const PASSES: [&str; 4] = [
    include_str!("kernels/activation.cu"),
    include_str!("kernels/windows.cu"),
    include_str!("kernels/rows.cu"),
    include_str!("kernels/compose.cu"),
];
/// Those of loss and optimisers.
const TRAINING: [&str; 3] =
    [include_str!("kernels/moments.cu"), include_str!("kernels/loss.cu"), include_str!("kernels/update.cu")];

/// Threads of a block.
pub(crate) const BLOCK: u32 = 256;

/// The source of all kernels for numbers of `real`, the type's name in C.
pub(crate) fn source(real: &str) -> String {
    let record: String = Record::NAMES.iter().map(|name| format!(", RECORD_{}", name.to_uppercase())).collect();
    let mut text = format!("#define REAL {real}\nenum {{ RECORD_STATUS{record}, RECORD_LEN }};\n{COMMON}");
    parts().for_each(|part| text.push_str(part));
    text
}

fn parts() -> impl Iterator<Item = &'static str> {
    PASSES.into_iter().chain(TRAINING)
}

/// The C name of the type with so many bytes.
pub(crate) fn real(bytes: usize) -> &'static str {
    if bytes == size_of::<f32>() { "float" } else { "double" }
}

/// The names of all kernels.
pub(crate) fn names() -> Vec<&'static str> {
    names_in(parts())
}

/// Which of its arguments, behind the number of threads, a kernel writes.
pub(crate) fn writes(kernel: &str) -> Vec<bool> {
    let start = format!("KERNEL {kernel}(");
    let text = parts().find_map(|part| part.split(&start).nth(1)).unwrap_or_default();
    let list = text.split('{').next().unwrap_or_default();
    list.split(',').skip(1).map(|parameter| parameter.trim_start().starts_with("OUT(")).collect()
}

/// The names of those that passes through networks need.
#[cfg(test)]
pub(crate) fn names_of_passes() -> Vec<&'static str> {
    names_in(PASSES.into_iter())
}

fn names_in(parts: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let lines = parts.flat_map(str::lines);
    lines.filter_map(|line| line.strip_prefix("KERNEL ")?.split('(').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_models::Activation;

    #[test]
    fn kernels_say_what_they_write() {
        assert_eq!(writes("copy"), [false, false, true, false, false, false]);
        assert_eq!(writes("loss")[9..], [true; 3]);
        assert!(names().iter().all(|name| writes(name).contains(&true)));
        assert!(writes("no such kernel").is_empty());
    }

    #[test]
    fn kernels_have_names_and_activations_their_numbers() {
        assert!(names().contains(&"gather") && names().contains(&"column_sums"));
        let names: Vec<String> = Activation::ALL.iter().map(|f| f.name().to_uppercase()).collect();
        assert!(source("float").contains(&format!("enum {{ {} }};", names.join(", "))));
        for (name, value) in
            [("LEAK", Activation::LEAK), ("SELU_SCALE", Activation::SELU_SCALE), ("SELU_ALPHA", Activation::SELU_ALPHA)]
        {
            let defined = source("float").lines().find_map(|line| {
                line.strip_prefix(&format!("#define {name} (REAL)")).map(|value| value.parse::<f64>().unwrap())
            });
            assert_eq!(defined, Some(value), "{name}");
        }
    }
}
