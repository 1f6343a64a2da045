//! `imnn completions` and `imnn man`: what shells and readers of manuals know of the program, from its own command line.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use imnn::io::FileError;
use imnn::io::text::plural;

use crate::{Arguments, CliError};

const NAME: &str = "imnn";

pub(super) fn completions(shell: Shell) -> String {
    let mut text = vec![];
    clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes a page for the program and one for each of its commands.
pub(super) fn pages(folder: &Path) -> Result<String, CliError> {
    std::fs::create_dir_all(folder).map_err(FileError::of("make the folder", folder))?;
    let mut program = Arguments::command();
    program.build();
    let mut written = vec![];
    page(&program, NAME, folder, &mut written)?;
    Ok(format!("{}: {}\n", folder.display(), plural(written.len(), "page")))
}

/// The page of a command called `name`, and those of its own commands.
fn page(command: &clap::Command, name: &str, folder: &Path, written: &mut Vec<String>) -> Result<(), CliError> {
    let file = format!("{name}.1");
    let path = folder.join(&file);
    let mut text = vec![];
    Man::new(command.clone()).render(&mut text).map_err(FileError::of("write", &path))?;
    imnn::io::atomic::write(&path, &text)?;
    written.push(file);
    for part in command.get_subcommands().filter(|part| part.get_name() != "help") {
        page(part, &format!("{name}-{}", part.get_name()), folder, written)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_completed_and_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let said = pages(&folder.path().join("man1")).unwrap();
        let bash = completions(Shell::Bash);
        let mut pages = 1;
        for command in Arguments::command().get_subcommands() {
            let name = command.get_name();
            assert!(
                bash.contains(&format!("imnn__subcmd__{name}")) || bash.contains(&format!("imnn__{name}")),
                "{name}"
            );
            let page = std::fs::read_to_string(folder.path().join(format!("man1/imnn-{name}.1"))).unwrap();
            assert!(page.contains(&format!("imnn\\-{name}")), "{page}");
            pages += 1 + command.get_subcommands().count();
        }
        assert!(said.contains(&format!("{pages} pages")), "{said}");
    }
}
