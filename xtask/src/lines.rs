//! `cargo xtask lines`: how long the sources are, without tests.

use std::collections::BTreeMap;
use std::path::Path;

use crate::process::{Failure, Outcome};
use crate::source::{Source, sources};
use crate::workspace;

/// Folders of crates, and crates of their own.
const FOLDERS: [&str; 4] = ["crates", "xtask", "benches", "examples"];

/// Numbers of one crate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    files: usize,
    lines: usize,
    code: usize,
}

impl Count {
    fn add(&mut self, source: &Source) {
        self.files += 1;
        self.lines += source.lines;
        self.code += source.code.lines().filter(|line| !line.trim().is_empty()).count();
    }
}

pub fn run(arguments: &[String]) -> Outcome {
    let root = match arguments {
        [] => workspace::root(),
        [folder] => Path::new(folder),
        [_, extra, ..] => return Err(Failure::usage(format!("lines takes one folder, found `{extra}`"))),
    };
    let counts = count(root)?;
    println!("{:<20} {:>6} {:>7} {:>7}", "crate", "files", "lines", "code");
    for (name, Count { files, lines, code }) in &counts {
        println!("{name:<20} {files:>6} {lines:>7} {code:>7}");
    }
    Ok(())
}

/// Crate by crate, the total last.
fn count(root: &Path) -> Outcome<Vec<(String, Count)>> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut total = Count::default();
    for folder in FOLDERS {
        let found = sources(&root.join(folder));
        for source in found.map_err(|error| Failure::new(format!("{}: {error}", root.join(folder).display())))? {
            let within = source.path.components().next().map(|first| first.as_os_str().to_string_lossy().into_owned());
            let name = if folder == "crates" { within.unwrap_or_default() } else { folder.to_owned() };
            counts.entry(name).or_default().add(&source);
            total.add(&source);
        }
    }
    Ok(counts.into_iter().chain([("total".to_owned(), total)]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_counted_without_tests_and_folders_that_are_missing_named() {
        let root = std::env::temp_dir().join(format!("xtask-lines-{}", std::process::id()));
        for folder in ["crates/a/src", "crates/a/tests", "xtask", "benches", "examples"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::write(root.join("crates/a/src/lib.rs"), "//! Head.\n\nfn f() {}\n#[cfg(test)]\nmod tests {\n}\n")
            .unwrap();
        std::fs::write(root.join("crates/a/tests/b.rs"), "fn g() {}\n").unwrap();
        std::fs::write(root.join("xtask/k.cu"), "// one\nint h;\n").unwrap();
        let counts = count(&root).unwrap();
        assert_eq!(counts[0], ("a".into(), Count { files: 1, lines: 3, code: 1 }));
        assert_eq!(counts.last().unwrap().1, Count { files: 2, lines: 5, code: 2 });
        std::fs::remove_dir_all(root.join("benches")).unwrap();
        assert!(count(&root).unwrap_err().to_string().contains("benches"));
        std::fs::remove_dir_all(root).unwrap();
    }
}
