//! Files that commands write: nothing is replaced unasked, and nothing that is being read or belongs to a run.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use imnn::fit::RunFolder;
use imnn::io::atomic::check_free;

use crate::CliError;

/// Refuses to write `out` where something is there that is not to be replaced; `read` is what the command reads.
pub(super) fn check(out: &Path, replace: bool, read: &[&Path]) -> Result<(), CliError> {
    let refuse = |reason: &str| Err(CliError::Refused(format!("{}: {reason}", out.display())));
    if belongs_to_run(out) {
        return refuse("this file belongs to a saved run, which is of no use without it; choose another name");
    }
    if read.iter().any(|read| is_same(out, read)) {
        return refuse("this file is being read; choose another name");
    }
    Ok(check_free(out, replace)?)
}

/// Whether it is there as a part of what `imnn fit` saved; plots can be made again, and archives of other names are the
/// user's own.
fn belongs_to_run(out: &Path) -> bool {
    // The folder that the name is in, whatever links lead there.
    let real = out.canonicalize().unwrap_or_else(|_| out.to_owned());
    let of_run = |path: &Path| {
        let is_run = path
            .parent()
            .is_some_and(|folder| ["model.toml", "manifest.json"].iter().any(|name| folder.join(name).is_file()));
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let is_part = match ending {
            "npz" => path.file_name().and_then(|name| name.to_str()).is_some_and(RunFolder::has_file),
            "png" | "svg" => false,
            _ => ["toml", "safetensors", "json"].contains(&ending),
        };
        is_run && is_part && path.exists()
    };
    of_run(out) || of_run(&real)
}

fn is_same(a: &Path, b: &Path) -> bool {
    let of = |path: &Path| path.metadata().ok().map(|of| (of.dev(), of.ino()));
    of(a).is_some_and(|a| Some(a) == of(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_and_what_belongs_to_a_run_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = ["model.toml", "statistics.npz", "history.npz", "best.safetensors", "plot.png", "mine.npz"];
        names.iter().for_each(|name| std::fs::write(path(name), "").unwrap());
        let data = path("data.npy");
        std::fs::write(&data, "").unwrap();
        std::fs::create_dir(path("elsewhere")).unwrap();
        std::os::unix::fs::symlink(path("statistics.npz"), path("elsewhere/link.npz")).unwrap();
        let message = |name: &str, replace| check(&path(name), replace, &[&data]).unwrap_err().to_string();
        for name in ["model.toml", "statistics.npz", "history.npz", "best.safetensors", "elsewhere/link.npz"] {
            assert!(message(name, true).contains("belongs to a saved run"), "{name}");
        }
        assert!(message("data.npy", true).contains("is being read"));
        for name in ["plot.png", "mine.npz"] {
            assert!(message(name, false).contains("exists already"), "{name}");
            check(&path(name), true, &[&data]).unwrap();
        }
        check(&path("new.npz"), false, &[&data]).unwrap();
        check(&path("elsewhere/statistics.npz"), false, &[]).unwrap();
    }
}
