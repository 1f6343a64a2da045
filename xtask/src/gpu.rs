//! What of CUDA is on this machine, asked in seconds, before anything of the workspace is built; and libraries from pip.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, Outcome, output, run, succeeds};

/// Asks the driver and looks for libraries as our programs do. Each line of its output is a word and a value.
const PROBE: &str = r#"
#include <dlfcn.h>
#include <stdio.h>
static void *any(const char **names) {
    for (; *names; names++) {
        void *library = dlopen(*names, RTLD_LAZY);
        if (library) return library;
    }
    return 0;
}
int main(void) {
    const char *drivers[] = {"libcuda.so", "libcuda.so.1", 0};
    const char *compilers[] = {"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", 0};
    const char *products[] = {"libcublas.so", "libcublas.so.13", "libcublas.so.12", 0};
    void *driver = any(drivers);
    if (driver) {
        int (*init)(unsigned) = (int (*)(unsigned))dlsym(driver, "cuInit");
        int (*version)(int *) = (int (*)(int *))dlsym(driver, "cuDriverGetVersion");
        int (*count)(int *) = (int (*)(int *))dlsym(driver, "cuDeviceGetCount");
        int (*get)(int *, int) = (int (*)(int *, int))dlsym(driver, "cuDeviceGet");
        int (*name)(char *, int, int) = (int (*)(char *, int, int))dlsym(driver, "cuDeviceGetName");
        int v = 0, n = 0, device, status;
        char text[256];
        if (!init || !version || !count || !get || !name) return 1;
        version(&v);
        printf("driver %d\n", v);
        status = init(0);
        if (status) printf("refused %d\n", status);
        else if (!count(&n))
            for (int i = 0; i < n; i++)
                if (!get(&device, i) && !name(text, sizeof text, device)) printf("gpu %s\n", text);
    }
    if (any(compilers)) puts("nvrtc found");
    if (any(products)) puts("cublas found");
    return 0;
}
"#;

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The version of CUDA that the driver is for, times 1000, if there is a driver.
    pub driver: Option<u32>,
    /// The status with which the driver refused to start.
    pub refused: Option<String>,
    /// The names of the GPUs.
    pub gpus: Vec<String>,
    pub nvrtc: bool,
    pub cublas: bool,
}

impl Found {
    /// Looks, also into these folders.
    pub fn look(folders: &[PathBuf]) -> Outcome<Self> {
        let program = std::env::temp_dir().join(format!("xtask-gpu-{}", std::process::id()));
        let mut cc = Command::new("cc");
        cc.args(["-w", "-x", "c", "-", "-o"]).arg(&program).arg("-ldl");
        if !succeeds(&mut cc, PROBE) {
            return Err(Failure::new("cc cannot compile the program that asks the driver"));
        }
        let answer = output(with_libraries(&mut Command::new(&program), folders));
        // Nothing is lost if a file of the temporary folder stays.
        let _ = std::fs::remove_file(&program);
        Ok(Self::read(&answer?))
    }

    fn read(answer: &str) -> Self {
        let mut found = Found::default();
        for (word, value) in answer.lines().filter_map(|line| line.split_once(' ')) {
            match word {
                "driver" => found.driver = value.parse().ok(),
                "refused" => found.refused = Some(value.to_owned()),
                "gpu" => found.gpus.push(value.to_owned()),
                "nvrtc" => found.nvrtc = true,
                "cublas" => found.cublas = true,
                _ => {}
            }
        }
        found
    }

    /// What is missing for a GPU to be there at all; `None` if there is one.
    pub fn no_gpu(&self) -> Option<String> {
        match (self.driver, &self.refused) {
            (None, _) => Some("no GPU: the driver library libcuda is not found: install NVIDIA's driver".into()),
            (_, Some(status)) => Some(format!("no GPU: the driver does not start (cuInit answers {status})")),
            _ if self.gpus.is_empty() => Some("no GPU: the driver shows none".into()),
            _ => None,
        }
    }

    /// The libraries that are missing, as pip knows them for this driver.
    pub fn packages(&self) -> Vec<String> {
        let needed = [(self.nvrtc, "nvidia-cuda-nvrtc"), (self.cublas, "nvidia-cublas")];
        needed.iter().filter(|(found, _)| !found).map(|(_, name)| self.package(name)).collect()
    }

    /// The package for the driver: those of CUDA 12 have a suffix.
    pub fn package(&self, name: &str) -> String {
        if self.driver.is_some_and(|version| version < 13_000) { format!("{name}-cu12") } else { name.to_owned() }
    }
}

/// Puts the folders before those where libraries are looked for.
pub fn with_libraries<'a>(command: &'a mut Command, folders: &[PathBuf]) -> &'a mut Command {
    match path(folders) {
        Some(path) if !folders.is_empty() => command.env("LD_LIBRARY_PATH", path),
        // A folder with a colon in its name cannot be on such a path; what looks there says that it finds nothing.
        _ => command,
    }
}

fn path(folders: &[PathBuf]) -> Option<OsString> {
    let old = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let old = std::env::split_paths(&old).filter(|folder| !folder.as_os_str().is_empty());
    std::env::join_paths(folders.iter().cloned().chain(old)).ok()
}

/// Gets packages by pip, into a folder below the target folder: nothing else of the machine is changed.
pub fn fetch(packages: &[String], folder: &Path) -> Outcome {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade", "--target"]);
    run(pip.arg(folder).args(packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_compiles_and_answers() {
        // Whatever there is: what it says is consistent.
        let found = Found::look(&[]).unwrap();
        assert!(found.driver.is_some() || (found.gpus.is_empty() && found.no_gpu().is_some()), "{found:?}");
    }

    #[test]
    fn answers_are_read_and_what_is_missing_is_named() {
        let found = Found::read("driver 13000\ngpu NVIDIA H100 80GB HBM3\ngpu b\ncublas found\n");
        assert_eq!(
            (found.driver, found.gpus.len(), found.gpus[0].as_str()),
            (Some(13_000), 2, "NVIDIA H100 80GB HBM3")
        );
        assert_eq!((found.no_gpu(), found.packages()), (None, vec!["nvidia-cuda-nvrtc".to_owned()]));
        let older = Found::read("driver 12080\n");
        assert_eq!(older.packages(), ["nvidia-cuda-nvrtc-cu12", "nvidia-cublas-cu12"]);
        assert!(older.no_gpu().unwrap().contains("shows none"));
        assert!(Found::read("driver 12080\nrefused 999\n").no_gpu().unwrap().contains("999"));
        assert!(Found::read("nvrtc found\n").no_gpu().unwrap().contains("libcuda"));
    }

    #[test]
    fn folders_come_first_on_the_path() {
        let mut command = Command::new("true");
        with_libraries(&mut command, &["/first".into(), "/second".into()]);
        let path = command.get_envs().find(|(name, _)| *name == "LD_LIBRARY_PATH").and_then(|(_, path)| path).unwrap();
        assert!(path.to_string_lossy().starts_with("/first:/second"));
        let mut untouched = Command::new("true");
        assert_eq!(with_libraries(&mut untouched, &[]).get_envs().count(), 0);
    }
}
