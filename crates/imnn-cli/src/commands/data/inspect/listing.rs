//! Many arrays, each in one line.

use imnn::data::ArrayPath;
use imnn::data::inspect::{ArrayInfo, Numbered, type_name};
use imnn::io::text::{plural, tuple};

use super::found::{Found, gaps};

/// Names longer than this do not push the others to the right.
const WIDE: usize = 60;

/// As many lines of one kind are shown.
const MANY: usize = 200;

/// What is in the folder or file `of`.
pub(super) fn listing(of: &str, found: &[Found]) -> String {
    let arrays: Vec<(String, String)> = found.iter().filter_map(|found| line(of, found)).collect();
    let other = |found: &Found| match found {
        Found::Other(path, reason) => Some((below(of, path), reason.clone())),
        _ => None,
    };
    let other: Vec<(String, String)> = found.iter().filter_map(other).collect();
    let mut text = format!("{of}\n{}", lines(&arrays));
    if !other.is_empty() {
        text.push_str(&format!("not arrays, or not readable:\n{}", lines(&other)));
    }
    text
}

fn lines(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).filter(|&width| width <= WIDE).max().unwrap_or(0);
    let shown = rows.iter().take(MANY).map(|(name, what)| format!("  {name:<width$}  {what}\n"));
    let more = if rows.len() > MANY { format!("  and {} more\n", rows.len() - MANY) } else { String::new() };
    shown.chain([more]).collect()
}

fn line(of: &str, found: &Found) -> Option<(String, String)> {
    match found {
        Found::Array(info) => Some((below(of, &info.path), array(info, &info.shape))),
        Found::Numbered(numbered) => Some((below(of, &numbered.info.path), many(numbered))),
        _ => None,
    }
}

/// A path without the folder or file that it is in.
fn below(of: &str, path: &ArrayPath) -> String {
    let path = path.to_string();
    let inside = path.strip_prefix(of.trim_end_matches('/')).filter(|rest| rest.starts_with(['/', ':']));
    inside.map_or(path.clone(), |rest| rest.trim_start_matches(['/', ':']).to_owned())
}

/// `float32 (60, 6)`
fn array(info: &ArrayInfo, shape: &[usize]) -> String {
    let dtype = type_name(&info.dtype).replace(", little-endian", "");
    let columns = match &info.columns[..] {
        [] => String::new(),
        names => format!(", columns {}", names.join(", ")),
    };
    format!("{dtype} {}{columns}", tuple(shape))
}

/// `60 files, float32 (4, 4, 4), seeds 0 to 61, 2 missing: 3, 17`
fn many(numbered: &Numbered) -> String {
    let n = numbered.info.shape[0];
    let what = match numbered.info.path.key().is_some_and(|key| key.contains("{seed")) {
        true => plural(n, "array"),
        false if numbered.info.path.to_string().contains("{seeds}") => plural(n, "row"),
        false => plural(n, "file"),
    };
    let mut text = format!("{what}, {}", array(&numbered.info, &numbered.info.shape[1..]));
    text.push_str(&format!(", seeds {} to {}", numbered.first, numbered.last));
    if let Some(gaps) = gaps(numbered) {
        text.push_str(&format!(", {gaps}"));
    }
    if !numbered.same.is_empty() {
        text.push_str(&format!("; column {} the same in all files", numbered.same.join(", ")));
    }
    if let Some(first) = numbered.unlike.first() {
        text.push_str(&format!(
            "; {} of {} compared are not alike, as {first}",
            numbered.unlike.len(),
            numbered.compared
        ));
    }
    text
}
