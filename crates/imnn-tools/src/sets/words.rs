//! Names of arrays, taken apart: the folders, groups and files in a path, and words for below and above in them.

/// What simulations below and above are called. Only pairs of arrays that are both there and alike are proposed.
pub(super) const SIDES: [(&str, &str); 12] = [
    ("m", "p"),
    ("minus", "plus"),
    ("low", "high"),
    ("lo", "hi"),
    ("below", "above"),
    ("lower", "upper"),
    ("down", "up"),
    ("dn", "up"),
    ("neg", "pos"),
    ("minus1", "plus1"),
    ("n", "p"),
    ("-", "+"),
];

/// What simulations for training and for validation are called.
pub(super) const TRAINING: [(&str, &str); 8] = [
    ("train", "validation"),
    ("train", "val"),
    ("train", "valid"),
    ("train", "test"),
    ("training", "validation"),
    ("training", "val"),
    ("training", "test"),
    ("trn", "val"),
];

/// The parts of a path between `/` and the `:` of a key, by their places.
pub(super) fn parts(path: &str) -> Vec<std::ops::Range<usize>> {
    let mut parts = vec![];
    let mut start = 0;
    // The colon of `{seed:05}` ends no part.
    let ends = path.match_indices(['/', ':']).filter(|(at, _)| !path[..*at].ends_with("{seed"));
    for end in ends.map(|(at, _)| at).chain([path.len()]) {
        parts.push(start..end);
        start = end + 1;
    }
    parts
}

/// A path with another text in place of one of its parts.
pub(super) fn replaced(path: &str, part: &std::ops::Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &path[..part.start], &path[part.end..])
}

/// The places of a word in a part: not within another word, but a number may stand before it, as in `0m`.
pub(super) fn places(part: &str, word: &str) -> Vec<usize> {
    let is_sign = |word: &str| word.chars().all(|c| !c.is_alphanumeric());
    let whole = |at: usize| {
        let before = part[..at].chars().next_back();
        let after = part[at + word.len()..].chars().next();
        let ends = after.is_none_or(|c| !c.is_alphanumeric());
        if is_sign(word) {
            // A sign belongs to what stands before it, and ends it.
            return before.is_some_and(char::is_alphanumeric) && after.is_none_or(|c| c == '.' || c == '_');
        }
        ends && before.is_none_or(|c| !c.is_alphabetic())
    };
    part.match_indices(word).map(|(at, _)| at).filter(|&at| whole(at)).collect()
}

/// A word as it may be written.
pub(super) fn spellings(word: &str) -> Vec<String> {
    let mut capital = word.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut spellings = vec![word.to_owned(), capital, word.to_uppercase()];
    spellings.dedup();
    spellings
}

/// A part without a word at a place, and without what joined it to the others, or what ends a file.
pub(super) fn without(part: &str, at: usize, word: &str) -> String {
    let joined = |c: char| !c.is_alphanumeric();
    let (before, after) = (part[..at].trim_end_matches(joined), part[at + word.len()..].trim_start_matches(joined));
    let after = if part[at + word.len()..].starts_with('.') { "" } else { after.split('.').next().unwrap_or_default() };
    match (before, after) {
        ("", after) => after.to_owned(),
        (before, "") => before.to_owned(),
        (before, after) => format!("{before}_{after}"),
    }
}

/// How much a part looks like the name of simulations at the fiducial; less is more, nothing is not at all.
pub(super) fn is_fiducial(part: &str) -> Option<usize> {
    let stem = part.split('.').next().unwrap_or_default().to_lowercase();
    let exact =
        ["fiducial", "fid", "fiducials", "central", "mean", "base", "baseline", "reference", "ref", "main", "f"];
    match exact.iter().position(|name| *name == stem) {
        Some(at) => Some(at),
        None if stem.starts_with("fid") || stem.ends_with("fiducial") || stem.ends_with("_fid") => Some(exact.len()),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_alone_or_behind_numbers() {
        assert_eq!(places("Om_m", "m"), [3]);
        assert_eq!(places("0m", "m"), [1]);
        assert_eq!(places("Omm", "m"), [0_usize; 0]);
        assert_eq!(places("df_m_4_PCS_z=0.npy", "m"), [3]);
        assert_eq!(places("minus_Om", "minus"), [0]);
        assert_eq!(places("Om-", "-"), [2]);
        assert_eq!(places("0-9", "-"), [0_usize; 0]);
        assert_eq!(parts("a/{seed:05}/b.h5:c/d").len(), 5);
        assert_eq!(without("Om_m", 3, "m"), "Om");
        assert_eq!(without("QHII_minus.npy", 5, "minus"), "QHII");
        assert_eq!(without("minus_Om.npy", 0, "minus"), "Om");
        assert_eq!(without("a_m_b", 2, "m"), "a_b");
        assert_eq!(spellings("low"), ["low", "Low", "LOW"]);
        assert!(is_fiducial("fiducial_ZA") > is_fiducial("fiducial") && is_fiducial("Om_m").is_none());
    }
}
