//! A program that trains in turns: ours or a peer, in a process of its own.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::machine::peak_memory;
use crate::{Failure, Outcome};

/// A running program. It is ended when this is dropped.
pub struct Process {
    /// What it calls itself.
    pub name: String,
    device: Option<String>,
    label: String,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Seconds from before the start of the process until its first iteration was done.
    pub first_iteration: f64,
    turn: usize,
    moved: Option<u64>,
}

/// What a program says after its first iteration.
#[derive(Deserialize)]
struct Hello {
    name: String,
    device: Option<String>,
}

/// What it says after a turn.
#[derive(Deserialize)]
struct Answer {
    seconds: f64,
    det_f: Option<f64>,
    moved: Option<u64>,
}

impl Process {
    /// Starts a program and waits until its first iteration is done. `label` names it in messages.
    pub fn start(label: &str, command: &mut Command) -> Outcome<Self> {
        let clock = Instant::now();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| {
                format!("{label}: {} did not start: {error}", command.get_program().to_string_lossy())
            })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{label}: no pipes to its input and output").into());
        };
        let output = BufReader::new(output).lines();
        let label = label.to_owned();
        let (name, device, moved) = Default::default();
        let mut process =
            Process { name, device, label, child, input, output, first_iteration: f64::NAN, turn: 1, moved };
        let line = process.line()?;
        process.first_iteration = clock.elapsed().as_secs_f64();
        Hello { name: process.name, device: process.device } = process.read(&line)?;
        Ok(process)
    }

    /// What it says that it runs on.
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// Bytes that each iteration of the last turn has moved in the memory of a card, where the program counts them.
    pub fn moved(&self) -> Option<u64> {
        self.moved
    }

    pub fn peak_memory(&self) -> Option<u64> {
        peak_memory(self.child.id())
    }

    /// Runs some iterations; returns their seconds, and det F after the last of them, where the program says it.
    pub fn run(&mut self, iterations: usize) -> Outcome<(f64, Option<f64>)> {
        let written = writeln!(self.input, "{iterations}").and_then(|()| self.input.flush());
        if written.is_err() {
            return Err(self.ended());
        }
        let line = self.line()?;
        let answer: Answer = self.read(&line)?;
        self.moved = answer.moved.map(|bytes| bytes / iterations.max(1) as u64);
        Ok((answer.seconds, answer.det_f))
    }

    /// Finds how many iterations last as long as `turn`, warming up on the way.
    pub fn tune(&mut self, turn: Duration) -> Outcome {
        let turn = turn.as_secs_f64();
        // Two turns at least: the first is of one iteration, which may still be a cold one.
        let mut iterations = 1;
        for _ in 0..8 {
            // A program whose time is a difference can answer something negative while turns are short.
            let seconds = self.run(iterations)?.0.max(1e-3 * turn);
            self.turn = ((iterations as f64 * turn / seconds).round() as usize).max(1);
            if seconds > 0.5 * turn {
                break;
            }
            iterations = self.turn.min(20 * iterations);
        }
        Ok(())
    }

    /// Milliseconds per iteration over one turn.
    pub fn sample(&mut self) -> Outcome<f64> {
        Ok(self.run(self.turn)?.0 / self.turn as f64 * 1e3)
    }

    fn line(&mut self) -> Outcome<String> {
        match self.output.next() {
            Some(line) => Ok(line?),
            None => Err(self.ended()),
        }
    }

    fn read<'a, T: Deserialize<'a>>(&self, line: &'a str) -> Outcome<T> {
        serde_json::from_str(line).map_err(|error| format!("{}: answered `{line}`: {error}", self.label).into())
    }

    fn ended(&mut self) -> Failure {
        match self.child.wait() {
            Ok(status) => format!("{}: ended early ({status})", self.label).into(),
            Err(error) => format!("{}: {error}", self.label).into(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nothing to lose in it, and it may be in the middle of a long iteration.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Outcome<Process> {
        Process::start("a script", Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn turns_grow_to_the_time_asked_for() {
        // Ten milliseconds per iteration, as it claims.
        let script = r#"echo '{"name": "sleepy"}'; while read n; do echo "{\"seconds\": $n.0e-2, \"det_f\": 1}"; done"#;
        let mut process = shell(script).unwrap();
        assert_eq!(process.name, "sleepy");
        assert!(process.first_iteration < 10.0);
        process.tune(Duration::from_millis(500)).unwrap();
        assert_eq!((process.turn, process.device(), process.moved()), (50, None, None));
        assert!((process.sample().unwrap() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn programs_that_fail_are_named() {
        let message = |script| shell(script).err().unwrap().to_string();
        assert!(message("exit 3").starts_with("a script: ended early (exit status: 3"));
        assert!(message("echo hello").starts_with("a script: answered `hello`: "));
        let mut brief = shell(r#"echo '{"name": "brief"}'; read n; exit 1"#).unwrap();
        assert!(brief.run(1).unwrap_err().to_string().contains("ended early"));
        let absent = Process::start("it", &mut Command::new("no-such-program-here")).err().unwrap();
        assert!(absent.to_string().contains("no-such-program-here did not start"), "{absent}");
    }
}
