//! Circles of imports: none longer than two files in a crate, none between crates. (A module and its parts may import each
//! other, pair by pair; that a part imports another which leads back over the module is a circle of three.)
//!
//! A file imports another if a path in it, in a `use` or elsewhere, leads there through `crate`, `self`, `super` or a
//! module that it declares. A name that a module only passes on (`pub use`) belongs to the file that it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::process::Outcome;
use crate::source::{Source, module_folder, sources};
use crate::workspace;

/// Circles that there still are, by a part of what is shown of them; to become empty.
const KNOWN: &[&str] = &["imnn-cli", "imnn-device", "imnn-models"];

pub fn faults() -> Outcome<Vec<String>> {
    let members = workspace::members()?;
    let mut faults = Vec::new();
    for member in &members {
        let folder = member.folder.join("src");
        for circle in circles(&Crate::read(sources(&folder)?).imports()).iter().filter(|circle| is_long(circle)) {
            let shown = circle.keys().map(|path| workspace::shown(&folder.join(path))).collect::<Vec<_>>().join(", ");
            if !KNOWN.iter().any(|known| shown.contains(known)) {
                faults.push(format!("these files import each other in a circle: {shown}"));
            }
        }
    }
    let uses = |member: &workspace::Member| {
        let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
        let names = tables.iter().flat_map(|table| member.dependencies(table)).map(PathBuf::from);
        (PathBuf::from(&member.name), names.collect())
    };
    for circle in circles(&members.iter().map(uses).collect()) {
        let shown = circle.keys().map(|name| name.display().to_string()).collect::<Vec<_>>().join(", ");
        if !KNOWN.iter().any(|known| shown.contains(known)) {
            faults.push(format!("these crates depend on each other in a circle: {shown}"));
        }
    }
    Ok(faults)
}

/// What each node leads to.
type Graph = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// The parts of the graph in which each node leads to each other, over whatever others.
fn circles(graph: &Graph) -> BTreeSet<Graph> {
    let reached: Graph = graph.keys().map(|node| (node.clone(), reached(graph, node))).collect();
    let mut found = BTreeSet::new();
    for (node, others) in reached.iter().filter(|(node, others)| others.contains(*node)) {
        let part: BTreeSet<_> = others
            .iter()
            .filter(|other| reached.get(*other).is_some_and(|back| back.contains(node)))
            .cloned()
            .collect();
        let inside = |node: &PathBuf| (node.clone(), graph[node].intersection(&part).cloned().collect());
        found.insert(part.iter().map(inside).collect());
    }
    found
}

/// Whether a circle goes through more than two nodes. It does not if all lead to each other in pairs, and the pairs are a
/// tree.
fn is_long(circle: &Graph) -> bool {
    let arrows = circle.values().map(BTreeSet::len).sum::<usize>();
    let paired = circle.iter().all(|(node, others)| others.iter().all(|other| circle[other].contains(node)));
    !(paired && arrows == 2 * (circle.len() - 1))
}

fn reached(graph: &Graph, start: &PathBuf) -> BTreeSet<PathBuf> {
    let (mut found, mut left) = (BTreeSet::new(), vec![start]);
    while let Some(node) = left.pop() {
        let next = graph.get(node).into_iter().flatten();
        left.extend(next.filter(|node| found.insert((*node).clone())));
    }
    found
}

/// The name of a module: its path below the root of the crate.
type Module = Vec<String>;

/// The files of a crate by their modules.
struct Crate {
    modules: BTreeMap<Module, File>,
}

/// What a file says of others.
struct File {
    path: PathBuf,
    words: Vec<String>,
    uses: Vec<Use>,
}

/// One name of a `use`.
struct Use {
    path: Vec<String>,
    /// The name here; `*` for all.
    name: String,
    is_public: bool,
}

impl Crate {
    fn read(sources: Vec<Source>) -> Self {
        let has_library = sources.iter().any(|source| source.path == Path::new("lib.rs"));
        let mut modules = BTreeMap::new();
        for source in sources.into_iter().filter(|source| source.path.extension().is_some_and(|own| own == "rs")) {
            // A program beside a library is another crate.
            if !(has_library && source.path == Path::new("main.rs")) {
                let folder = module_folder(&source.path);
                let module = folder.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
                let (words, uses) = uses(words(&source.skeleton));
                modules.insert(module.collect(), File { path: source.path, words, uses });
            }
        }
        Crate { modules }
    }

    fn imports(&self) -> Graph {
        let mut graph = Graph::new();
        for (module, file) in &self.modules {
            let named = |name: &str| file.words.windows(2).any(|pair| pair[1] == name && pair[0] != "mod");
            let passed_on = |found: &&Use| found.is_public && !named(&found.name);
            let used = file.uses.iter().filter(|found| !passed_on(found)).map(|found| found.path.clone());
            let targets = used.chain(paths(&file.words)).filter_map(|path| self.file_of(module, &path, 0));
            graph.insert(file.path.clone(), targets.filter(|path| *path != file.path).collect());
        }
        graph
    }

    /// The file in which the thing is that a path in a module leads to; `None` if it is in another crate.
    fn file_of(&self, module: &Module, path: &[String], depth: usize) -> Option<PathBuf> {
        let mut at = module.clone();
        let mut rest = path;
        while let [first, after @ ..] = rest {
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => {
                    at.pop();
                }
                _ => break,
            }
            rest = after;
        }
        let own = rest.len() < path.len();
        let mut inside = false;
        while let [first, after @ ..] = rest {
            let next = [&at[..], std::slice::from_ref(first)].concat();
            if !self.modules.contains_key(&next) {
                break;
            }
            (at, rest, inside) = (next, after, true);
        }
        if !own && !inside {
            return None;
        }
        let file = self.modules.get(&at)?;
        let (Some(name), true) = (rest.first(), depth < 8) else { return Some(file.path.clone()) };
        let defines = |file: &File| file.words.windows(2).any(|pair| ITEMS.contains(&&*pair[0]) && pair[1] == *name);
        if defines(file) {
            return Some(file.path.clone());
        }
        let named = file.uses.iter().filter(|found| found.name == *name);
        let mut found = named.filter_map(|found| self.file_of(&at, &[&found.path[..], &rest[1..]].concat(), depth + 1));
        let all = file.uses.iter().filter(|found| found.name == "*").filter_map(|found| {
            let target = self.file_of(&at, &[&found.path[..], std::slice::from_ref(name)].concat(), depth + 1)?;
            self.modules.values().any(|file| file.path == target && defines(file)).then_some(target)
        });
        found.next().or_else(|| all.into_iter().next()).or_else(|| Some(file.path.clone()))
    }
}

/// Words before the name of an item.
const ITEMS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "union", "mod"];

/// Identifiers, `::`, and single characters of all else but blanks.
fn words(skeleton: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut joins = false;
    for found in skeleton.chars() {
        let is_word = found.is_alphanumeric() || found == '_';
        match words.last_mut() {
            Some(last) if joins && is_word => last.push(found),
            Some(last) if found == ':' && last == ":" => last.push(':'),
            _ if found.is_whitespace() => {}
            _ => words.push(found.into()),
        }
        joins = is_word;
    }
    words
}

/// Takes the `use` items out of the words.
fn uses(words: Vec<String>) -> (Vec<String>, Vec<Use>) {
    let (mut left, mut found) = (Vec::new(), Vec::new());
    let mut rest = words.into_iter();
    while let Some(word) = rest.next() {
        if word != "use" {
            left.push(word);
            continue;
        }
        let tree: Vec<String> = rest.by_ref().take_while(|word| word != ";").collect();
        let is_public = left.last().is_some_and(|word| word == "pub" || word == ")");
        let mut names = Vec::new();
        branches(&tree, &[], &mut names);
        found.extend(names.into_iter().map(|(path, name)| Use { path, name, is_public }));
    }
    (left, found)
}

/// The names of a tree such as `a::{b, c::d as e}`, each with its path.
fn branches(tree: &[String], above: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut depth = 0;
    let mut parts: Vec<Vec<String>> = vec![vec![]];
    for word in tree {
        depth += i32::from(word == "{") - i32::from(word == "}");
        match (word.as_str(), depth, parts.last_mut()) {
            (",", 0, _) => parts.push(vec![]),
            (_, _, Some(part)) => part.push(word.clone()),
            _ => {}
        }
    }
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let open = part.iter().position(|word| word == "{");
        let stem = part[..open.unwrap_or(part.len())].iter().filter(|word| *word != "::").cloned();
        let mut path: Vec<String> = above.iter().cloned().chain(stem).collect();
        if let Some(open) = open {
            branches(&part[open + 1..part.len() - 1], &path, found);
            continue;
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if let Some(at) = path.iter().position(|word| word == "as") {
            path.truncate(at);
        }
        if path.last().is_some_and(|last| last == "*" || last == "self") {
            path.pop();
            name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
        }
        found.push((path, name));
    }
}

/// The paths outside `use` items.
fn paths(words: &[String]) -> Vec<Vec<String>> {
    let is_name = |word: &String| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let mut path = vec![];
        while is_name(&words[at]) {
            path.push(words[at].clone());
            let goes_on = words.get(at + 1).is_some_and(|word| word == "::") && words.get(at + 2).is_some_and(is_name);
            if !goes_on {
                break;
            }
            at += 2;
        }
        if path.len() > 1 {
            found.push(path);
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(files: &[(&str, &str)]) -> Graph {
        let source = |(path, text): &(&str, &str)| Source {
            path: path.into(),
            code: String::new(),
            skeleton: (*text).into(),
            lines: 0,
        };
        Crate::read(files.iter().map(source).collect()).imports()
    }

    fn of<'a>(graph: &'a Graph, path: &str) -> Vec<&'a str> {
        graph[Path::new(path)].iter().filter_map(|path| path.to_str()).collect()
    }

    #[test]
    fn imports_are_found_in_every_form() {
        let graph = imports(&[
            ("lib.rs", "mod a; mod b; pub mod c; pub use a::{A, inner::*}; pub use c::{C, a}; fn f() { b::g() }"),
            ("a/mod.rs", "mod inner; pub struct A; use std::fmt; use super::c::{self, C as D};"),
            ("a/inner.rs", "pub struct Deep; fn h(x: super::A) { crate::c::k() }"),
            ("b.rs", "pub fn g() {} use crate::{A, Deep};"),
            ("c.rs", "pub struct C; pub fn k() { std::a::b() }"),
            ("main.rs", "use crate::b;"),
        ]);
        assert_eq!(of(&graph, "lib.rs"), ["b.rs"]);
        assert_eq!(of(&graph, "a/mod.rs"), ["c.rs"]);
        assert_eq!(of(&graph, "a/inner.rs"), ["a/mod.rs", "c.rs"]);
        assert_eq!(of(&graph, "b.rs"), ["a/inner.rs", "a/mod.rs"]);
        assert_eq!(of(&graph, "c.rs"), Vec::<&str>::new());
        assert_eq!(graph.len(), 5);
    }

    #[test]
    fn circles_are_found_and_those_of_pairs_are_short() {
        let graph = imports(&[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::c::C; pub struct B;"),
            ("c.rs", "use crate::a::A; use crate::d::D; pub struct C;"),
            ("d.rs", "pub struct D;"),
        ]);
        let found = circles(&graph);
        let nodes: Vec<&Path> = found.first().unwrap().keys().map(PathBuf::as_path).collect();
        assert_eq!((found.len(), nodes), (1, ["a.rs", "b.rs", "c.rs"].map(Path::new).to_vec()));
        assert!(is_long(found.first().unwrap()));

        let star = [
            ("lib.rs", "mod a; mod b; pub struct S; use a::A; use b::B;"),
            ("a.rs", "use crate::S; pub struct A;"),
            ("b.rs", "use super::S; pub struct B;"),
        ];
        let found = circles(&imports(&star));
        assert!(found.len() == 1 && !is_long(found.first().unwrap()));
        let [root, a, _] = star;
        let found = circles(&imports(&[root, a, ("b.rs", "use super::{S, a::A}; pub struct B;")]));
        assert!(is_long(found.first().unwrap()));
    }
}
