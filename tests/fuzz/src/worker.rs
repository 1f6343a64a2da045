//! The search of one target, in a process that may crash.

use crate::arguments::Arguments;
use imnn_fuzz::{Limits, SCRATCH, Search, Seeds, Target, quiet, search};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The file with the input that is run: its length in eight bytes, itself, and what is left of longer ones.
pub const CURRENT: &str = "current";

/// An execution that takes this long is not waited for.
const HANGS: Duration = Duration::from_secs(20);

/// The input in the contents of [`CURRENT`], if there was one.
pub fn unframed(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = bytes.split_first_chunk::<8>()?;
    rest.get(..usize::try_from(u64::from_le_bytes(*len)).ok()?)
}

/// Whether nothing was found.
pub fn run(target: &'static Target, arguments: &Arguments) -> Result<bool, String> {
    let text = |error: std::io::Error| error.to_string();
    let folder = std::env::var_os(SCRATCH).ok_or_else(|| format!("{SCRATCH} is not set"))?;
    let current = File::create(Path::new(&folder).join(CURRENT)).map_err(text)?;
    quiet();
    let how = Search {
        executions: arguments.executions,
        time: arguments.time(),
        seed: arguments.seed,
        limits: Limits::default(),
    };
    let seeds = Seeds::of(target).contents();
    let (start, began) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    watch(start, began.clone());
    let mut framed = vec![];
    let found = search(target, &seeds, &how, &mut |data| {
        framed.clear();
        framed.extend((data.len() as u64).to_le_bytes());
        framed.extend(data);
        // Where it cannot be written a crash is found all the same, without its input.
        let _ = current.write_all_at(&framed, 0);
        began.store(start.elapsed().as_millis() as u64, Ordering::Relaxed);
    });
    let seconds = found.time.as_secs_f64();
    println!(
        "{:<16} {:>9} executions in {seconds:6.1} s, {:>6.0} per second, {:>4.1} % accepted, {:>3} kinds of answers: {}",
        target.name,
        found.executions,
        found.executions as f64 / seconds.max(1e-9),
        100.0 * found.accepted as f64 / found.executions.max(1) as f64,
        found.classes,
        found.fault.as_ref().map_or_else(|| "nothing found".to_owned(), |(_, fault)| fault.to_string()),
    );
    Ok(found.fault.is_none())
}

/// Ends the process where an execution hangs.
fn watch(start: Instant, began: Arc<AtomicU64>) {
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(500));
            let since = Duration::from_millis(began.load(Ordering::Relaxed));
            if start.elapsed().saturating_sub(since) > HANGS {
                eprintln!("an execution takes more than {} s", HANGS.as_secs());
                std::process::abort();
            }
        }
    });
}
