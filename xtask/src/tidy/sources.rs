//! Sources: every module opens with `//!`, no test is switched off, nothing is left to be written, no trailing blanks.

use std::fs;

use crate::process::Outcome;
use crate::workspace;

/// Put together here, so that this file passes its own check.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("#[", "ignore"), "a test that does not run; assert what happens and say why it is wrong"),
    (concat!("todo", "!("), "something is left to be written"),
    (concat!("unimplemented", "!("), "something is left to be written"),
];

const TEXT: &[&str] = &["md", "py", "rs", "toml", "txt", "yml"];

pub fn faults() -> Outcome<Vec<String>> {
    let scripts = workspace::root().join(".ci");
    let mut faults = Vec::new();
    for path in workspace::files()? {
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let is_script = path.parent() == Some(scripts.as_path());
        if !TEXT.contains(&extension.as_str()) && !is_script {
            continue;
        }
        let name = workspace::shown(&path);
        match fs::read_to_string(&path) {
            Ok(text) => faults.extend(of(&name, &text, extension == "rs")),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    Ok(faults)
}

fn of(name: &str, text: &str, is_rust: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.ends_with([' ', '\t']) {
            faults.push(format!("{name}:{number}: trailing blanks"));
        }
        let found = FORBIDDEN.iter().find(|(words, _)| is_rust && line.contains(words));
        faults.extend(found.map(|(words, why)| format!("{name}:{number}: `{words}`: {why}")));
    }
    if is_rust && !text.starts_with("//!") {
        faults.push(format!("{name}: does not open with `//!`, a sentence on what the module is for"));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        faults.push(format!("{name}: does not end with a line break"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found_with_their_lines() {
        assert!(of("a.rs", "//! Fine.\n\nfn f() {}\n", true).is_empty());
        let ignored = format!("//! Head.\n{}]\nfn f() {{ {}) }} \n", FORBIDDEN[0].0, FORBIDDEN[1].0);
        let faults = of("a.rs", &ignored, true);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("a.rs:2: "), "{faults:?}");
        assert!(faults[1].starts_with("a.rs:3: trailing"), "{faults:?}");
        assert_eq!(of("a.rs", "fn f() {}\n", true).len(), 1);
        assert_eq!(of("a.md", "text without an end", false), ["a.md: does not end with a line break"]);
    }
}
