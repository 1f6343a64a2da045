//! Source files outside tests, with comments blanked out: what `tidy` and `lines` look at.
//!
//! Left out are files and folders named `tests`, modules declared behind `#[cfg(test)]`, and items behind it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::workspace::files_below;

/// A source file outside tests.
#[derive(Debug)]
pub struct Source {
    /// Relative to the folder that was looked through.
    pub path: PathBuf,
    /// The text with comments and items behind `#[cfg(test)]` blanked out; as many lines as the file.
    pub code: String,
    /// The same with the insides of strings blanked out too.
    pub skeleton: String,
    /// The number of lines outside tests, comments and empty lines included.
    pub lines: usize,
}

/// The source files outside tests below a folder, in the order of their paths.
pub fn sources(root: &Path) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    let mut tests = Vec::new();
    for path in files_below(root)? {
        let own = path.strip_prefix(root).unwrap_or(&path);
        if !is_source(own) {
            continue;
        }
        let (source, modules) = read(own, &fs::read_to_string(&path)?);
        let folder = module_folder(&source.path);
        tests.extend(modules.into_iter().map(|name| folder.join(name)));
        found.push(source);
    }
    // A module `a` is the file `a.rs`, or lies in the folder `a`.
    found.retain(|source| !tests.iter().any(|test| source.path.with_extension("").starts_with(test)));
    Ok(found)
}

/// The folder in which the modules lie that a file declares.
pub fn module_folder(path: &Path) -> PathBuf {
    let is_root = ["lib", "main", "mod", "build"].iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name));
    if is_root { path.parent().unwrap_or(Path::new("")).to_owned() } else { path.with_extension("") }
}

fn is_source(path: &Path) -> bool {
    const EXTENSIONS: [&str; 5] = ["rs", "cu", "cuh", "cpp", "hpp"];
    let of_tests = path.iter().any(|part| Path::new(part).file_stem().is_some_and(|stem| stem == "tests"));
    !of_tests && path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
}

/// One file, and the names of the modules that it declares for tests.
fn read(path: &Path, text: &str) -> (Source, Vec<String>) {
    let mut code = blanked(text, false).into_bytes();
    let mut skeleton = blanked(text, true).into_bytes();
    let mut lines = text.lines().count();
    let mut modules = Vec::new();
    let shape = String::from_utf8_lossy(&skeleton).into_owned();
    for item in test_items(&shape) {
        lines -= 1 + shape[item.clone()].matches('\n').count();
        modules.extend(declared_module(&shape[item.clone()]));
        for bytes in [&mut code, &mut skeleton] {
            bytes[item.clone()].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (Source { path: path.to_owned(), code: text(code), skeleton: text(skeleton), lines }, modules)
}

/// The text with its comments as blanks, and the insides of strings too if asked; lengths and line breaks stay.
fn blanked(text: &str, strings: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let (end, blank) = if rest.starts_with(b"//") {
            (at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()), at..usize::MAX)
        } else if rest.starts_with(b"/*") {
            (at + block_comment(rest), at..usize::MAX)
        } else if let Some((open, length)) = raw_string(rest).filter(|_| !before.is_some_and(is_word)) {
            (at + length, if strings { at + open..at + length } else { at..at })
        } else if rest[0] == b'"' {
            let end = at + quoted(rest);
            (end, if strings { at + 1..end.saturating_sub(1) } else { at..at })
        } else if let Some(length) = character(rest) {
            (at + length, if strings { at + 1..at + length - 1 } else { at..at })
        } else {
            (at + 1, at..at)
        };
        let (start, stop) = (blank.start, blank.end.min(end));
        for byte in out.iter_mut().take(stop).skip(start).filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The length of a block comment; in Rust they nest.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a string in quotes.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Where the inside of a raw string begins, and its whole length; `None` for what is none.
fn raw_string(rest: &[u8]) -> Option<(usize, usize)> {
    let prefix = if rest.starts_with(b"br") { 2 } else { usize::from(rest.starts_with(b"r")) };
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    let open = prefix + hashes + 1;
    if prefix == 0 || rest.get(open - 1) != Some(&b'"') {
        return None;
    }
    let close = [&b"\""[..], &vec![b'#'; hashes]].concat();
    let length = rest[open..].windows(close.len()).position(|window| window == close)?;
    Some((open, open + length + close.len()))
}

/// The length of a character in quotes; `None` for a lifetime and for everything else.
fn character(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'\'', b'\\', _, after @ ..] => Some(4 + after.iter().position(|&byte| byte == b'\'')?),
        [b'\'', first, ..] => {
            // The first byte of a character in UTF-8 says how many it has.
            let width = [1, 2, 3, 4][usize::from(first.leading_ones().saturating_sub(1).min(3) as u8)];
            (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
        }
        _ => None,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where items behind `#[cfg(test)]` or `#[cfg(all(test, ...))]` stand, attributes included.
fn test_items(shape: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, _) in shape.match_indices("#[cfg(") {
        if found.last().is_some_and(|last| last.end > start) {
            continue;
        }
        let end = start + matching(&shape[start + 1..]) + 1;
        let words: String = shape[start..end].split_whitespace().collect();
        if !(words == "#[cfg(test)]" || words.starts_with("#[cfg(all(test,")) {
            continue;
        }
        let mut item = end;
        loop {
            item += shape[item..].len() - shape[item..].trim_start().len();
            if !shape[item..].starts_with("#[") {
                break;
            }
            item += matching(&shape[item + 1..]) + 1;
        }
        if let Some(length) = item_length(&shape[item..]) {
            found.push(start..item + length);
        }
    }
    found
}

/// The length of an item: up to its semicolon or closing brace. `None` for a field, an arm or a statement.
fn item_length(rest: &str) -> Option<usize> {
    const ITEMS: [&str; 12] =
        ["mod", "fn", "use", "impl", "struct", "enum", "const", "static", "trait", "type", "extern", "unsafe"];
    let visible = rest.strip_prefix("pub").map_or(rest, |rest| {
        let rest = rest.trim_start();
        if rest.starts_with('(') { rest[matching(rest)..].trim_start() } else { rest }
    });
    let word = visible.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    if !ITEMS.contains(&word) {
        return None;
    }
    let end = rest.find([';', '{'])?;
    if rest[end..].starts_with(';') {
        return Some(end + 1);
    }
    let close = end + matching(&rest[end..]);
    Some(if word == "use" { close + 1 } else { close })
}

/// The name in `mod name;`.
fn declared_module(item: &str) -> Option<String> {
    let name = item.trim_end().strip_suffix(';')?.rsplit_once("mod ")?.1.trim();
    name.bytes().all(is_word).then(|| name.to_owned())
}

/// The length of what begins with a bracket, up to the bracket that closes it.
fn matching(rest: &str) -> usize {
    let mut depth = 0;
    for (at, found) in rest.char_indices() {
        depth += i32::from("([{".contains(found)) - i32::from(")]}".contains(found));
        if depth == 0 {
            return at + found.len_utf8();
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_in_place() {
        let text = "a // b \"c\"\n\"d // \\\" e\" /* f /* g */ \"h */ i 'j' '\\'' &'k l r#\"m\" // n\"# 'é' o";
        let code = blanked(text, false);
        assert_eq!(code.len(), text.len());
        let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
        let expected =
            ["a", "\"d", "//", "\\\"", "e\"", "i", "'j'", "'\\''", "&'k", "l", "r#\"m\"", "//", "n\"#", "'é'", "o"];
        assert_eq!(words(&code), expected);
        let skeleton = blanked(text, true);
        assert!(!"dejmné".chars().any(|inside| skeleton.contains(inside)), "{skeleton}");
        assert!(skeleton.contains("&'k l") && skeleton.ends_with('o'), "{skeleton}");
    }

    #[test]
    fn items_for_tests_are_left_out() {
        let text = "//! Head.\nuse a;\n#[cfg(test)]\nuse b::{c, d};\nstruct S {\n    #[cfg(test)]\n    field: u8,\n}\n\
                    #[cfg(all(test, unix))]\n#[allow(x)]\npub(crate) mod far;\n#[cfg(feature = \"y\")]\nfn f() {}\n\
                    #[cfg(test)]\nmod tests {\n    fn g() { \"}\"; }\n}\n";
        let (source, modules) = read(Path::new("a.rs"), text);
        assert_eq!(modules, ["far"]);
        let left: Vec<&str> = source.code.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(
            left,
            ["use a;", "struct S {", "#[cfg(test)]", "field: u8,", "}", "#[cfg(feature = \"y\")]", "fn f() {}"]
        );
        assert_eq!(source.lines, 8);
    }

    #[test]
    fn modules_lie_beside_their_root_or_in_a_folder_of_its_name() {
        assert_eq!(module_folder(Path::new("a/mod.rs")), Path::new("a"));
        assert_eq!(module_folder(Path::new("a/b.rs")), Path::new("a/b"));
    }
}
