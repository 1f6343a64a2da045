//! "Did you mean": the known name that an unknown one is probably meant to be.

/// The candidate nearest to `name`, if one is near: with at most a third of the letters of `name` wrong, missing, too many
/// or exchanged; or else one that `name` abbreviates (`lr` for `learning_rate`, `params` for `parameters`) or is a part of
/// (`pool` in `max_pool`). Upper and lower case are the same.
///
/// ```
/// use imnn_io::nearest::nearest;
/// assert_eq!(nearest("tahn", &["relu", "tanh"]), Some("tanh"));
/// assert_eq!(nearest("lr", &["weight_decay", "learning_rate"]), Some("learning_rate"));
/// assert_eq!(nearest("dropout", &["relu", "tanh"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let n_letters = name.chars().count();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name, &candidate.to_lowercase());
    let misspelt = candidates.iter().min_by_key(|candidate| distance(candidate));
    let misspelt = misspelt.filter(|candidate| distance(candidate) <= (n_letters / 3).max(1));
    let shortened = || candidates.iter().filter(|candidate| shortens(&name, candidate)).min_by_key(|c| c.len());
    misspelt.or_else(shortened).copied()
}

/// How to go on after an unknown name: `did you mean "tanh"?`, or all there are: `expected one of relu, tanh`.
pub fn advice(name: &str, candidates: &[&str]) -> String {
    match nearest(name, candidates) {
        Some(nearest) => format!("did you mean \"{nearest}\"?"),
        None => format!("expected one of {}", candidates.join(", ")),
    }
}

/// Whether `short` is a part of `long`, or has the same first letter and others of its letters in their order.
fn shortens(short: &str, long: &str) -> bool {
    let long = long.to_lowercase();
    let mut letters = long.chars();
    let is_abbreviation =
        short.len() > 1 && long.starts_with(|c| short.starts_with(c)) && short.chars().all(|c| letters.any(|l| l == c));
    is_abbreviation || (short.len() > 2 && long.contains(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 9] =
        ["n_s", "leaky_relu", "relu", "tanh", "he_normal", "learning_rate", "parameters", "max_pool", "features"];

    #[test]
    fn misspelt_and_shortened_names_are_recognised() {
        for (name, meant) in [
            ("ns", "n_s"),
            ("ReLU", "relu"),
            ("leakyrelu", "leaky_relu"),
            ("tahn", "tanh"),
            ("tan", "tanh"),
            ("he", "he_normal"),
            ("learningrate", "learning_rate"),
            ("params", "parameters"),
            ("pool", "max_pool"),
            ("feature", "features"),
        ] {
            assert_eq!(nearest(name, &NAMES), Some(meant), "{name}");
        }
    }

    #[test]
    fn for_other_names_all_are_listed() {
        for name in ["dropout", "softmax", "", "x", "batch_norm"] {
            assert_eq!(nearest(name, &NAMES), None, "{name}");
        }
        assert_eq!(advice("dropout", &["relu", "tanh"]), "expected one of relu, tanh");
        assert_eq!(advice("tahn", &["relu", "tanh"]), "did you mean \"tanh\"?");
    }
}
