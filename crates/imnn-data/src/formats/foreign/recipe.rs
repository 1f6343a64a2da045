//! Lines to be typed in a shell that make arrays of files.

use std::path::Path;

use super::pickle::{self, Object};
use crate::ArrayPath;

/// What has to be said wherever a pickle is loaded.
pub(super) const TRUST: &str =
    "loading a pickle runs whatever is written in it, so do it with files of people you trust";

/// A line of Python that makes another file of this one: in `code`, `<from>` is its name and `<to>` that of the other.
pub(super) fn python(file: &Path, import: &str, code: &str, ending: &str) -> String {
    let (from, to) = (literal(&file.display().to_string()), literal(&beside_name(file, ending)));
    format!("python3 -c \"{import}; {}\"", code.replace("<from>", &from).replace("<to>", &to))
}

/// The same, as a sentence.
pub(super) fn converts(file: &Path, import: &str, code: &str, ending: &str) -> String {
    format!("make an array of it: {}", python(file, import, code, ending))
}

/// How a file is unpacked by a program that writes to its standard output.
pub(super) fn unpacks(file: &Path, program: &str) -> String {
    format!("unpack it: {program} < {} > {}", shell(file), beside(file, UNPACKED))
}

/// What is asked for in place of an ending where a file is unpacked.
pub(super) const UNPACKED: &str = "unpacked";

/// A name for what is made of a file, beside it.
pub(super) fn beside(file: &Path, ending: &str) -> String {
    quoted(&beside_name(file, ending))
}

fn beside_name(file: &Path, ending: &str) -> String {
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
    let (stem, own) = (text(file.file_stem()), text(file.extension()));
    let packed = ["gz", "GZ", "bz2", "xz", "zst", "zz", "z"].contains(&own.as_str());
    let name = match ending {
        // Without the ending that says how it is packed.
        UNPACKED if packed => stem,
        UNPACKED => format!("{stem}_unpacked.{own}"),
        ending if own == ending => format!("{stem}_numbers.{ending}"),
        ending => format!("{stem}.{ending}"),
    };
    file.with_file_name(name.trim_end_matches('.')).display().to_string()
}

/// A name as a word of a shell.
pub(super) fn shell(file: &Path) -> String {
    quoted(&file.display().to_string())
}

fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-=+,@%".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

/// A name as text of Python between the double quotes of a shell; what would have to be escaped in both is left to be put in.
fn literal(name: &str) -> String {
    if name.contains(['\'', '"', '\\', '$', '`', '!', '\n']) { "'FILE'".to_owned() } else { format!("'{name}'") }
}

/// What an array of Python objects is, by the bytes behind its header, and how to make numbers of it.
pub(crate) fn objects(path: &ArrayPath, shape: &[usize], bytes: &[u8]) -> String {
    let item = pickle::item(bytes);
    let (file, key) = path.locate();
    let loaded = match key.filter(|key| !key.is_empty()) {
        Some(key) => format!("np.load(<from>, allow_pickle=True)[{}]", literal(key)),
        None if file.extension().is_some_and(|own| own == "npz") => {
            "next(iter(np.load(<from>, allow_pickle=True).values()))".to_owned()
        }
        None => "np.load(<from>, allow_pickle=True)".to_owned(),
    };
    let make = |code: &str, ending: &str| python(&file, "import numpy as np", code, ending);
    let (what, recipe) = match (&item, shape) {
        (Object::Dict, []) => (
            "a dict".to_owned(),
            format!(
                "{}, and its arrays are {}",
                make(&format!("np.savez(<to>, **{{str(k): v for k, v in {loaded}.item().items()}})"), "npz"),
                keys_of(&file)
            ),
        ),
        (Object::Dict, _) => (
            "dicts".to_owned(),
            format!(
                "{}, and its arrays are {}",
                make(
                    &format!(
                        "x = {loaded}.ravel(); np.savez(<to>, **{{k: np.stack([d[k] for d in x]) for k in x[0]}})"
                    ),
                    "npz"
                ),
                keys_of(&file)
            ),
        ),
        (Object::Array | Object::List, []) => {
            (item.name(), make(&format!("np.save(<to>, np.array({loaded}.item(), dtype=float))"), "npy"))
        }
        (Object::Array | Object::List, _) => (
            if item == Object::Array { "arrays".to_owned() } else { "lists".to_owned() },
            format!(
                "where all of them have one shape: {}",
                make(&format!("np.save(<to>, np.stack([np.array(x, dtype=float) for x in {loaded}]))"), "npy")
            ),
        ),
        _ => (item.name(), make(&format!("np.save(<to>, {loaded}.astype(float))"), "npy")),
    };
    format!("holds Python objects (a pickle), here {what}; save them as numbers: {recipe}; {TRUST}")
}

/// What to write for the arrays of the archive that is made of a dict.
fn keys_of(file: &Path) -> String {
    let made = beside_name(file, "npz");
    format!("{made}:KEY, or {made}:{{seed}} where the keys are seeds")
}

impl Object {
    /// How to make arrays of a pickle in a file of its own.
    pub(super) fn recipe(&self, file: &Path) -> String {
        let load = "np.load(<from>, allow_pickle=True)";
        match self {
            Object::Array => converts(file, "import numpy as np", &format!("np.save(<to>, {load})"), "npy"),
            Object::Dict => {
                let code = format!("np.savez(<to>, **{{str(k): v for k, v in {load}.items()}})");
                format!("{}, and its arrays are {}", converts(file, "import numpy as np", &code, "npz"), keys_of(file))
            }
            Object::Frame => {
                let code = "np.save(<to>, pd.read_pickle(<from>).to_numpy(dtype=float))";
                converts(file, "import pandas as pd, numpy as np", code, "npy")
            }
            _ => converts(file, "import numpy as np", &format!("np.save(<to>, np.array({load}, dtype=float))"), "npy"),
        }
    }
}
