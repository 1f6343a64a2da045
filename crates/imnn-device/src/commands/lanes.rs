//! Commands in two lanes: what does not wait for one another may run at the same time.
//!
//! An iteration of a small network is a long row of small kernels, each of which leaves most of a card idle. But the gradient
//! of a layer's weights is not needed for that of the layer before: what two commands touch says whether one has to wait for
//! the other. The order is that of list scheduling: of all commands that wait for nothing, the one with the longest way to the
//! end comes next, in the lane where it can start first.
//!
//! All commands make the same bits as one after the other, since each finds the same numbers.

use super::{Argument, Command, Span, kernels};
use std::ops::Range;

/// Longer lists have commands that fill a card, and would take long to put in order.
const MOST: usize = 400;

/// A command in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its number in the list.
    pub(crate) command: usize,
    /// 0 or 1.
    pub(crate) lane: usize,
    /// The command of the other lane that has to be done before, if that is not known already.
    pub(crate) waits: Option<usize>,
}

/// The commands in the order in which they are issued; `size` is that of a number.
///
/// # Errors
/// If a kernel is not known: says which.
pub(crate) fn lanes(commands: &[Command], size: usize) -> Result<Vec<Step>, String> {
    if commands.len() > MOST {
        return Ok((0..commands.len()).map(|command| Step { command, lane: 0, waits: None }).collect());
    }
    let before = dependencies(commands, size)?;
    let mut ways = vec![1; commands.len()];
    for (i, before) in before.iter().enumerate().rev() {
        for &j in before {
            ways[j] = ways[j].max(ways[i] + 1);
        }
    }
    // When each command ends, if all take one unit of time, in which lane, and as which of it.
    let mut ends: Vec<Option<(usize, usize, usize)>> = vec![None; commands.len()];
    let mut lanes = [(0, 0); 2];
    // Of the other lane so many commands are known to be done.
    let mut known = [0; 2];
    let mut steps = Vec::with_capacity(commands.len());
    while steps.len() < commands.len() {
        let ready = |i: &usize| ends[*i].is_none() && before[*i].iter().all(|&j| ends[j].is_some());
        let Some(i) = (0..commands.len()).filter(ready).max_by_key(|&i| (ways[i], usize::MAX - i)) else { break };
        let last = before[i].iter().filter_map(|&j| ends[j]).max();
        let start = |lane: usize| lanes[lane].0.max(last.map_or(0, |(end, ..)| end));
        let near = last.map_or(0, |(_, lane, _)| lane);
        let lane = if start(1 - near) < start(near) { 1 - near } else { near };
        // The last one there stands for all before it.
        let other = before[i].iter().filter_map(|&j| ends[j].filter(|end| end.1 != lane).map(|end| (end.2, j))).max();
        let waits = other.filter(|&(at, _)| at >= known[lane]).map(|(at, j)| {
            known[lane] = at + 1;
            j
        });
        let end = start(lane) + 1;
        ends[i] = Some((end, lane, lanes[lane].1));
        lanes[lane] = (end, lanes[lane].1 + 1);
        steps.push(Step { command: i, lane, waits });
    }
    Ok(steps)
}

/// For each command, those before it that touch what it writes, or write what it touches.
fn dependencies(commands: &[Command], size: usize) -> Result<Vec<Vec<usize>>, String> {
    let touches = commands.iter().map(|command| touches(command, size)).collect::<Result<Vec<_>, _>>()?;
    let depends = |i: usize, j: usize| touches[i].iter().any(|a| touches[j].iter().any(|b| a.conflicts(b)));
    Ok((0..commands.len()).map(|i| (0..i).filter(|&j| depends(i, j)).collect()).collect())
}

/// Some bytes that a command reads or writes.
struct Touch {
    memory: usize,
    bytes: Range<usize>,
    writes: bool,
}

impl Touch {
    fn new(span: Span, size: usize, writes: bool) -> Self {
        Touch { memory: span.memory, bytes: span.start * size..(span.start + span.len) * size, writes }
    }

    fn conflicts(&self, other: &Touch) -> bool {
        let meet = self.bytes.start < other.bytes.end && other.bytes.start < self.bytes.end;
        self.memory == other.memory && (self.writes || other.writes) && meet
    }
}

fn touches(command: &Command, size: usize) -> Result<Vec<Touch>, String> {
    Ok(match command {
        Command::Zero(span) => vec![Touch::new(*span, size, true)],
        Command::Product(p) => {
            vec![Touch::new(p.a.span, size, false), Touch::new(p.b.span, size, false), Touch::new(p.c, size, true)]
        }
        Command::Launch { kernel, arguments, .. } => {
            let touch = |(argument, writes): (&Argument, bool)| {
                argument.span(size).map(|(span, size)| Touch::new(span, size, writes))
            };
            let writes = kernels::writes(kernel).ok_or_else(|| format!("there is no kernel {kernel}"))?;
            if writes.len() != arguments.len() {
                return Err(format!("{kernel} takes {} arguments and was given {}", writes.len(), arguments.len()));
            }
            arguments.iter().zip(writes.iter().copied()).filter_map(touch).collect()
        }
    })
}

/// The commands in an order that two lanes permit: one lane is always ahead of the other as far as may be.
#[cfg(test)]
pub(crate) fn interleaved(commands: &[Command], size: usize, ahead: usize) -> Result<Vec<Command>, String> {
    let steps = lanes(commands, size)?;
    let of = |lane| steps.iter().filter(move |step| step.lane == lane).copied();
    let mut queues: [std::collections::VecDeque<Step>; 2] = [of(ahead).collect(), of(1 - ahead).collect()];
    let mut done: Vec<usize> = vec![];
    while done.len() < commands.len() {
        let may = |queue: &std::collections::VecDeque<Step>| {
            queue.front().is_some_and(|step| step.waits.is_none_or(|command| done.contains(&command)))
        };
        let next = queues.iter().position(may).expect("a command that may run");
        done.extend(queues[next].pop_front().map(|step| step.command));
    }
    Ok(done.into_iter().map(|command| commands[command].clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::copy;

    fn span(memory: usize, range: Range<usize>) -> Span {
        Span { memory, start: range.start, len: range.len() }
    }

    #[test]
    fn commands_wait_for_what_they_touch_and_for_nothing_else() {
        let (a, b, c, d) = (span(0, 0..9), span(1, 0..9), span(2, 0..9), span(3, 0..9));
        // Written then read, read then written, written twice; apart, and two readers.
        let commands = [copy(a, b), copy(b, c), copy(d, a), Command::Zero(c), copy(d, span(1, 9..18))];
        let expected: [&[usize]; 5] = [&[], &[0], &[0], &[1], &[]];
        assert_eq!(dependencies(&commands, 4).unwrap(), expected);
        // Memory is counted in bytes: the fifth double begins behind the eighth float.
        let doubles = |range| Argument::Doubles(span(0, range));
        let means = |to| Command::Launch {
            kernel: "first_means",
            threads: 1,
            arguments: [doubles(8..9); 5].into_iter().chain([doubles(to)]).collect(),
        };
        let waits = |to| !dependencies(&[copy(b, span(0, to)), means(4..5)], 4).unwrap()[1].is_empty();
        assert!(!waits(0..8) && waits(0..9));
    }

    #[test]
    fn what_is_independent_goes_beside_the_longest_way() {
        let place = |memory| span(memory, 0..4);
        // A chain of four over places 0 to 3, one of two beside it from its first link, and what needs both.
        let commands = [
            copy(place(9), place(0)),
            copy(place(0), place(5)),
            copy(place(0), place(1)),
            copy(place(1), place(2)),
            copy(place(2), place(3)),
            copy(place(5), place(3)),
        ];
        let steps = lanes(&commands, 4).unwrap();
        let of = |command: usize| steps.iter().find(|step| step.command == command).unwrap();
        assert_eq!([0, 2, 3, 4, 5].map(|command| (of(command).lane, of(command).waits)), {
            let own = (0, None);
            [own, own, own, own, (0, Some(1))]
        });
        assert_eq!((of(1).lane, of(1).waits), (1, Some(0)));
    }

    #[test]
    fn unknown_kernels_are_refused() {
        let [a, b] = [0, 1].map(|memory| span(memory, 0..9));
        let unknown = Command::Launch { kernel: "copie", threads: 1, arguments: vec![] };
        assert_eq!(lanes(&[copy(a, b), unknown], 4).unwrap_err(), "there is no kernel copie");
        let short = Command::Launch { kernel: "copy", threads: 1, arguments: vec![] };
        assert_eq!(lanes(&[short], 4).unwrap_err(), "copy takes 6 arguments and was given 0");
    }

    #[test]
    fn long_lists_stay_as_they_are() {
        let commands = vec![Command::Zero(span(0, 0..1)); MOST + 1];
        assert!(lanes(&commands, 4).unwrap().iter().enumerate().all(|(i, step)| step.command == i && step.lane == 0));
    }
}
