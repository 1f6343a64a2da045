//! A reader of `Cargo.toml`, as much as the checks need: sections, keys, and values on one line.

/// The entries of a manifest, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    section: String,
    key: String,
    value: String,
}

impl Manifest {
    /// Reads a manifest. Dotted keys stay dotted (`version.workspace`).
    pub fn parse(text: &str) -> Self {
        let mut section = String::new();
        let mut entries = Vec::new();
        let mut open = 0;
        for line in text.lines() {
            let line = without_comment(line).trim();
            if open > 0 {
                // The rest of a value that spans lines belongs to the entry before.
                open += depth(line);
                if let Some(Entry { value, .. }) = entries.last_mut() {
                    value.push_str(line);
                }
            } else if let Some(name) = line.strip_prefix('[') {
                section = name.trim_matches(['[', ']']).to_owned();
            } else if let Some((key, value)) = line.split_once('=') {
                let value = value.trim().to_owned();
                open = depth(&value);
                entries.push(Entry { section: section.clone(), key: key.trim().to_owned(), value });
            }
        }
        Manifest { entries }
    }

    /// The value of a key, as written.
    pub fn value(&self, section: &str, key: &str) -> Option<&str> {
        let found = self.entries.iter().find(|entry| entry.section == section && entry.key == key);
        found.map(|entry| entry.value.as_str())
    }

    /// The value of a key that is a string.
    pub fn string(&self, section: &str, key: &str) -> Option<&str> {
        self.value(section, key)?.strip_prefix('"')?.strip_suffix('"')
    }

    /// The value of a key that is an array of strings; empty where there is none.
    pub fn strings(&self, section: &str, key: &str) -> Vec<&str> {
        let quoted = self.value(section, key).unwrap_or_default().split('"').skip(1).step_by(2);
        quoted.collect()
    }

    /// The keys of a section, as written.
    pub fn keys(&self, section: &str) -> Vec<&str> {
        self.entries.iter().filter(|entry| entry.section == section).map(|entry| entry.key.as_str()).collect()
    }

    /// The names of a table of dependencies, whether written `x.workspace = true`, `x = "1"` or `[dependencies.x]`.
    pub fn dependencies(&self, section: &str) -> Vec<&str> {
        let prefix = format!("{section}.");
        let mut names: Vec<&str> = Vec::new();
        for entry in &self.entries {
            let name = if entry.section == section {
                entry.key.split('.').next()
            } else {
                entry.section.strip_prefix(&prefix)
            };
            if let Some(name) = name.filter(|name| !names.contains(name)) {
                names.push(name);
            }
        }
        names
    }
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, found) in line.char_indices() {
        match found {
            '"' => quoted = !quoted,
            '#' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

/// How many more brackets open than close, outside strings.
fn depth(text: &str) -> i32 {
    let outside = text.split('"').step_by(2);
    outside.flat_map(str::chars).map(|c| i32::from("[{".contains(c)) - i32::from("]}".contains(c))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[package]
name = "x" # a comment
version.workspace = true

[workspace]
members = [
    "crates/*", # with a comment
    "xtask",
]

[dependencies]
a.workspace = true
b = { version = "1", features = ["c # d"] }
e = "2"

[dependencies.f]
version = "3"

[dev-dependencies]
g.workspace = true
"#;

    #[test]
    fn values_are_found() {
        let manifest = Manifest::parse(TEXT);
        assert_eq!(manifest.string("package", "name"), Some("x"));
        assert_eq!(manifest.value("package", "version.workspace"), Some("true"));
        assert_eq!(manifest.string("package", "version"), None);
        assert_eq!(manifest.strings("workspace", "members"), ["crates/*", "xtask"]);
        assert!(manifest.strings("workspace", "exclude").is_empty());
    }

    #[test]
    fn dependencies_are_found_in_every_form() {
        let manifest = Manifest::parse(TEXT);
        assert_eq!(manifest.dependencies("dependencies"), ["a", "b", "e", "f"]);
        assert_eq!(manifest.dependencies("dev-dependencies"), ["g"]);
    }
}
