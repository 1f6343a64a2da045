//! Rooms: in how few source files a thing is named that users add, such as a layer or a file format.
//!
//! Counted are the files below `crates/*/src`, kernels included, without tests and comments; benchmarks, examples and
//! documents are not. A thing is named by an identifier or a string with its name in it, written in whatever way
//! (`RmsProp`, `rms_prop`, `rmsprop`). The files in a folder of that name are one room.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::process::Outcome;
use crate::source::{Source, sources};
use crate::workspace;

/// One thing of each kind, and in how many rooms it may be named.
struct Thing {
    kind: &'static str,
    /// In small letters, words joined.
    name: &'static str,
    most: usize,
}

const THINGS: [Thing; 7] = [
    Thing { kind: "layer made of primitives", name: "globalmaxpool", most: 2 },
    Thing { kind: "primitive", name: "meanpool", most: 6 },
    Thing { kind: "activation", name: "softplus", most: 2 },
    Thing { kind: "optimiser", name: "rmsprop", most: 3 },
    Thing { kind: "simulator", name: "powerlawfield", most: 2 },
    Thing { kind: "file format", name: "tfrecord", most: 3 },
    Thing { kind: "history column", name: "lambda2", most: 4 },
];

/// How often each thing is named, and a fault for each that is named too often.
pub fn faults() -> Outcome<(String, Vec<String>)> {
    let sources: Vec<Source> = sources(&workspace::root().join("crates"))?;
    let (mut counts, mut faults) = (String::new(), Vec::new());
    for Thing { kind, name, most } in THINGS {
        let rooms = rooms(&sources, name);
        counts += &format!("{:>4} of at most {most:>2} files name the {kind} {name}\n", rooms.len());
        if rooms.len() > most {
            let rooms: Vec<String> = rooms.iter().map(|room| format!("crates/{}", room.display())).collect();
            faults.push(format!("{} files name {name}, {most} may: {}", rooms.len(), rooms.join(", ")));
        }
    }
    Ok((counts, faults))
}

fn rooms(sources: &[Source], name: &str) -> BTreeSet<PathBuf> {
    let named = sources.iter().filter(|source| {
        source.path.components().nth(1).is_some_and(|folder| folder.as_os_str() == "src") && names(&source.code, name)
    });
    named.map(|source| room(&source.path, name)).collect()
}

/// Whether a name is part of a word of a text.
fn names(code: &str, name: &str) -> bool {
    let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.map(plain).any(|word| word.contains(name))
}

/// A file, or the folder of that name that it lies in.
fn room(path: &Path, name: &str) -> PathBuf {
    let is = |folder: &&Path| folder.file_name().is_some_and(|own| plain(&own.to_string_lossy()) == name);
    path.ancestors().skip(1).find(is).unwrap_or(path).to_owned()
}

fn plain(word: &str) -> String {
    word.replace('_', "").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_all_spellings_and_folders_are_one_room() {
        let source =
            |path: &str, code: &str| Source { path: path.into(), code: code.into(), skeleton: String::new(), lines: 1 };
        let sources = [
            source("a/src/list.rs", "use tf_record::TfRecord;"),
            source("a/src/tf_record/mod.rs", "struct TfRecord;"),
            source("a/src/tf_record/index.rs", "fn is_tf_record() {}"),
            source("a/src/help.rs", "\"npy, tfrecord\""),
            source("a/src/other.rs", "tf record"),
            source("a/examples/x.rs", "TfRecord"),
        ];
        let found: Vec<PathBuf> = rooms(&sources, "tfrecord").into_iter().collect();
        assert_eq!(found, ["a/src/help.rs", "a/src/list.rs", "a/src/tf_record"].map(PathBuf::from));
    }
}
