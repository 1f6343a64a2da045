//! Groups: names and what they lead to.

use crate::bytes::{Block, Bytes, Found};
use crate::header::{Message, Object, about};
use crate::heap::{Fractal, named};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// An object at this place.
    Hard(u64),
    /// Another path.
    Soft(String),
    /// Something in another file.
    External,
}

/// Deeper groups, and more names, are not listed: links may lead in circles.
const DEEP: usize = 16;
const MANY: usize = 1 << 18;

/// The bytes of a name.
const LONG: usize = 1 << 16;

pub(crate) fn links(bytes: &Bytes<'_>, group: &Object) -> Found<Vec<(String, Link)>> {
    let mut links = vec![];
    for message in group.messages.iter().filter(|message| message.about == about::LINK) {
        links.push(link(message.body.clone())?);
    }
    if let Some(Message { body, .. }) = group.one(about::SYMBOLS)? {
        let mut body = body.clone();
        let (tree, heap) = (body.set()?, body.set()?);
        let heap = names(bytes, heap)?;
        symbols(bytes, tree, &heap, None, &mut links)?;
    }
    if let Some(Message { body, .. }) = group.one(about::LINK_INFO)? {
        let mut body = body.clone();
        body.version(0)?;
        if body.byte()? & 1 != 0 {
            body.take(8)?;
        }
        if let (Some(heap), Some(index)) = (body.address()?, body.address()?) {
            let heap = Fractal::read(bytes, heap)?;
            for id in named(bytes, index)? {
                links.push(link(heap.object(bytes, id)?)?);
            }
        }
    }
    Ok(links)
}

/// One link, as groups of the second kind store it.
fn link(mut block: Block) -> Found<(String, Link)> {
    let at = block.at;
    block.version(1)?;
    let flags = block.byte()?;
    let kind = if flags & 8 == 0 { 0 } else { block.byte()? };
    block.take(if flags & 4 == 0 { 0 } else { 8 } + if flags & 16 == 0 { 0 } else { 1 })?;
    let len = block.number(1 << (flags & 3))? as usize;
    let name = text(block.take(len)?, at)?;
    let link = match kind {
        0 => Link::Hard(block.set()?),
        1 => {
            let len = usize::from(block.two()?);
            Link::Soft(text(block.take(len)?, at)?)
        }
        _ => Link::External,
    };
    Ok((name, link))
}

fn text(bytes: &[u8], at: u64) -> Found<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(format!("damaged: the name at byte {at} is no text")),
    }
}

/// The names of a group of the first kind.
fn names(bytes: &Bytes<'_>, at: u64) -> Found<Block> {
    let mut block = bytes.block(at, 8 + 2 * bytes.widths.1 as u64 + bytes.widths.0 as u64)?;
    block.name(b"HEAP")?;
    block.version(0)?;
    block.take(3)?;
    let len = block.length()?;
    block.length()?;
    bytes.block(block.set()?, len)
}

/// The links below a node of a group's tree.
fn symbols(bytes: &Bytes<'_>, at: u64, heap: &Block, level: Option<u8>, links: &mut Vec<(String, Link)>) -> Found<()> {
    let (address, length) = (bytes.widths.0 as u64, bytes.widths.1 as u64);
    let mut node = bytes.block(at, 8 + 2 * address)?;
    node.name(b"TREE")?;
    let (kind, found, n) = (node.byte()?, node.byte()?, u64::from(node.two()?));
    if kind != 0 || found > 32 || level.is_some_and(|level| level != found) {
        return Err(format!("damaged: there is no node of a group at byte {at}"));
    }
    let mut node = bytes.block(at + 8 + 2 * address, n * (length + address) + length)?;
    for _ in 0..n {
        node.length()?;
        let child = node.set()?;
        if found > 0 {
            symbols(bytes, child, heap, Some(found - 1), links)?;
        } else {
            leaf(bytes, child, heap, links)?;
        }
    }
    Ok(())
}

/// The links of a leaf.
fn leaf(bytes: &Bytes<'_>, at: u64, heap: &Block, links: &mut Vec<(String, Link)>) -> Found<()> {
    let mut node = bytes.block(at, 8)?;
    node.name(b"SNOD")?;
    node.version(1)?;
    node.take(1)?;
    let n = u64::from(node.two()?);
    let mut node = bytes.block(at + 8, n * (2 * bytes.widths.0 as u64 + 24))?;
    let string = |offset: u64| {
        let rest = usize::try_from(offset).ok().and_then(|offset| heap.bytes.get(offset..));
        let end = rest.and_then(|rest| rest.iter().take(LONG).position(|&byte| byte == 0));
        match (rest, end) {
            (Some(rest), Some(end)) => text(&rest[..end], heap.at + offset),
            _ => Err(format!("damaged: a name of the group's leaf at byte {at} is not there")),
        }
    };
    for _ in 0..n {
        let width = bytes.widths.0;
        let name = string(node.number(width)?)?;
        let (object, kind) = (node.address()?, node.four()?);
        node.take(4)?;
        let mut scratch = node.part(16)?;
        let link = match (kind, object) {
            (0 | 1, Some(object)) => Link::Hard(object),
            (2, _) => Link::Soft(string(u64::from(scratch.four()?))?),
            _ => return Err(format!("damaged: the link to `{name}` at byte {at} is of kind {kind}")),
        };
        // Names are sorted: one that is not has been changed.
        if links.last().is_some_and(|(last, _)| last.as_bytes() >= name.as_bytes()) {
            return Err(format!("damaged: the name `{name}` of the group's leaf at byte {at} is not where it belongs"));
        }
        links.push((name, link));
    }
    Ok(())
}

/// Follows a path from the root; nothing where there is no such name.
pub(crate) fn find(bytes: &Bytes<'_>, root: u64, path: &str) -> Found<Option<Object>> {
    let mut here = vec![root];
    let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut soft = 0;
    while let Some(name) = left.pop() {
        match &name[..] {
            "" | "." => continue,
            // Above the root is the root.
            ".." => {
                here.truncate((here.len() - 1).max(1));
                continue;
            }
            _ => {}
        }
        let group = Object::read(bytes, here[here.len() - 1])?;
        match links(bytes, &group)?.into_iter().find(|(there, _)| *there == name) {
            None => return Ok(None),
            Some((_, Link::Hard(at))) => here.push(at),
            Some((_, Link::Soft(path))) => {
                soft += 1;
                if soft > DEEP {
                    return Err("its links lead in circles".to_owned());
                }
                if path.starts_with('/') {
                    here.truncate(1);
                }
                left.extend(path.split('/').rev().map(str::to_owned));
            }
            Some((_, Link::External)) => {
                return Err(format!("`{name}` is in another file; give the path of that file"));
            }
        }
    }
    Object::read(bytes, here[here.len() - 1]).map(Some)
}

/// The names of all datasets, sorted.
pub(crate) fn datasets(bytes: &Bytes<'_>, root: u64) -> Found<Vec<String>> {
    let mut names = vec![];
    let mut groups = vec![(String::new(), vec![root])];
    while let Some((prefix, way)) = groups.pop() {
        let inside = Object::read(bytes, way[way.len() - 1]).and_then(|group| links(bytes, &group));
        let inside = match inside {
            Err(_) if way.len() > 1 => {
                names.push(prefix);
                continue;
            }
            inside => inside?,
        };
        for (name, link) in inside {
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let at = match link {
                Link::Hard(at) => at,
                // What a soft link leads to has a name of its own.
                Link::Soft(_) | Link::External => continue,
            };
            // What cannot be read has a name all the same; why it cannot is said where it is opened.
            if Object::read(bytes, at).map_or(true, |object| object.has(about::LAYOUT)) {
                names.push(name);
            } else if way.len() < DEEP && groups.len() < MANY && !way.contains(&at) {
                groups.push((name, [&way[..], &[at]].concat()));
            }
            if names.len() >= MANY {
                return Ok(names);
            }
        }
    }
    names.sort();
    Ok(names)
}
