//! `cargo xtask gpu-check`: what can only be seen on a machine with a GPU.
//!
//! Such machines, the nodes of clusters among them, have a driver, CUDA's libraries and Python, but often neither Rust nor a
//! network. So all that the check needs is built into one folder, which travels: the programs, the shared libraries that they
//! were linked with, the golden files, the programs to time beside ours, and `run.sh`, which is `check.py`.
//!
//! ```text
//! cargo xtask gpu-check --pack FOLDER     # here; then FOLDER/run.sh there
//! cargo xtask gpu-check [ARGUMENTS]       # both on this machine, with the arguments of run.sh
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::process::{Failure, Outcome, cargo, output, run as run_command};
use crate::{setup, workspace};

const CHECK: &str = include_str!("check.py");
const RUN: &str = "#!/bin/bash\n# What is checked, and how to call it: run.sh --help.\nexec python3 -B \"$(dirname \"$0\")/check.py\" \"$@\"\n";
/// How each program is built, and what it is called in the folder.
const PROGRAMS: [(&str, &str); 2] = [
    ("build -p imnn-cli -p imnn-benches --features imnn-cli/cuda,imnn-benches/cuda", "imnn=imnn imnn-benches=bench"),
    (
        "test --no-run -p imnn-device -p imnn-tests --features imnn-device/cuda,imnn-tests/cuda --lib --test cross",
        "imnn_device=device cross=cross",
    ),
];
/// What every Linux has, and must be the system's own.
const SYSTEM: [&str; 8] =
    ["linux-vdso", "ld-linux", "libc.so", "libm.so", "libgcc_s", "libdl.so", "libpthread.so", "librt.so"];

pub fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [option, folder] if option == "--pack" => {
            let folder = PathBuf::from(folder);
            pack(&folder)?;
            let files = workspace::files_below(&folder)?;
            let bytes = files.iter().map(|file| Ok(file.metadata()?.len())).sum::<io::Result<u64>>()?;
            println!("{}: {} MiB; run.sh in it does the check", folder.display(), bytes.div_ceil(1 << 20));
            Ok(())
        }
        [option, ..] if option == "--pack" => Err(Failure::usage("--pack takes one folder, and nothing else")),
        _ => {
            let folder = workspace::target().join("gpu-check");
            pack(&folder)?;
            run_command(Command::new(folder.join("run.sh")).args(arguments))
        }
    }
}

/// Fills a folder, which must be empty or one that was filled before.
fn pack(folder: &Path) -> Outcome {
    let made_from = folder.join("made-from.txt");
    let occupied = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !made_from.is_file() {
        return Err(Failure::new(format!("{} is not empty: give a new folder", folder.display())));
    }
    setup::run()?;
    for part in ["bin", "lib", "golden", "peers"] {
        let part = folder.join(part);
        if part.exists() {
            fs::remove_dir_all(&part)?;
        }
        fs::create_dir_all(part)?;
    }
    for (build, programs) in PROGRAMS {
        let words: Vec<&str> = build.split(' ').collect();
        eprintln!("$ cargo {build} --release");
        let messages = output(cargo(&words).args(["--release", "--message-format=json-render-diagnostics"]))?;
        for (name, called) in programs.split(' ').filter_map(|pair| pair.split_once('=')) {
            let built =
                executable(&messages, name).ok_or_else(|| Failure::new(format!("cargo names no program of {name}")))?;
            let program = folder.join("bin").join(called);
            run_command(Command::new("strip").arg("-o").arg(&program).arg(&built))?;
            for library in libraries(&output(Command::new("ldd").arg(&program))?) {
                let name = library.file_name().unwrap_or_default();
                fs::copy(&library, folder.join("lib").join(name))?;
            }
        }
    }
    copy_all(&workspace::root().join("tests/golden"), &folder.join("golden"), &["npz", "json"])?;
    copy_all(&workspace::root().join("benches/peers"), &folder.join("peers"), &["py"])?;
    fs::write(folder.join("check.py"), CHECK)?;
    let script = folder.join("run.sh");
    fs::write(&script, RUN)?;
    run_command(Command::new("chmod").arg("+x").arg(&script))?;
    fs::write(made_from, source())?;
    Ok(())
}

/// What the programs were made from, for the report.
fn source() -> String {
    let ask = |program: &str, arguments: &[&str]| {
        let answer = output(Command::new(program).args(arguments).current_dir(workspace::root()));
        answer.unwrap_or_else(|failure| failure.to_string()).trim().to_owned()
    };
    let changed = if ask("git", &["status", "--short"]).is_empty() { "" } else { ", with changes" };
    let commit = ask("git", &["log", "-1", "--format=%h of %cs"]);
    format!("imnn {}, commit {commit}{changed}; {}\n", env!("CARGO_PKG_VERSION"), ask("rustc", &["--version"]))
}

/// The program of this name in the messages of cargo.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let name = format!("\"name\":\"{name}\"");
    let mut lines = messages.lines().filter(|line| line.contains(&name));
    let found = lines.rfind(|line| line.contains("\"executable\":\""))?;
    found.split("\"executable\":\"").nth(1)?.split('"').next().map(PathBuf::from)
}

/// The libraries that have to travel with a program, in the answer of `ldd`.
fn libraries(answer: &str) -> Vec<PathBuf> {
    let lines = answer.lines().map(str::trim).filter(|line| !SYSTEM.iter().any(|name| line.contains(name)));
    let paths = lines.filter_map(|line| line.split_once(" => ")?.1.split(' ').next());
    paths.filter(|path| path.starts_with('/')).map(PathBuf::from).collect()
}

/// Copies the files of a folder with these endings.
fn copy_all(from: &Path, to: &Path, endings: &[&str]) -> Outcome {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            fs::copy(&path, to.join(path.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_what_cargo_says() {
        let messages = "{\"reason\":\"x\",\"target\":{\"name\":\"imnn\"},\"executable\":null}\n\
                        {\"target\":{\"name\":\"imnn\"},\"executable\":\"/target/release/imnn\",\"fresh\":true}\n\
                        {\"target\":{\"name\":\"other\"},\"executable\":\"/other\"}\n";
        assert_eq!(executable(messages, "imnn"), Some("/target/release/imnn".into()));
        assert_eq!(executable(messages, "cross"), None);
    }

    #[test]
    fn libraries_that_every_system_has_stay_here() {
        let answer = "\tlinux-vdso.so.1 (0x0)\n\tlibopenblas.so.0 => /lib/x/libopenblas.so.0 (0x1)\n\
                      \tlibm.so.6 => /lib/x/libm.so.6 (0x2)\n\tlibgfortran.so.5 => /lib/x/libgfortran.so.5 (0x3)\n\
                      \tlibgone.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x4)\n";
        assert_eq!(libraries(answer), ["/lib/x/libopenblas.so.0", "/lib/x/libgfortran.so.5"].map(PathBuf::from));
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("xtask-pack-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("thesis.tex"), "").unwrap();
        let failure = pack(&folder).unwrap_err().to_string();
        assert!(failure.contains("is not empty"), "{failure}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(run(&["--pack".into()]).unwrap_err().status, 2);
    }
}
