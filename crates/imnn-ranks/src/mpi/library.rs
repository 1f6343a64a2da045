//! A library of MPI, opened: whose it is, and how its handles look.

use std::ffi::{c_char, c_int, c_void};
use std::fmt;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::error::RanksError;

/// The binary interface of a library: the types and values of its handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Abi {
    /// Of the MPI standard itself, from version 5 on; MPICH from 5.0 on, Intel MPI, Open MPI from 6.0 on.
    Standard,
    /// MPICH, and those that agreed on its interface: Intel MPI, Cray MPICH, MVAPICH.
    Mpich,
    /// Open MPI, and those made from it.
    OpenMpi,
}

/// A library of MPI; shown as "Open MPI 4.1.4 (libmpi.so.40)".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MpiLibrary {
    /// The file, as it was looked for.
    pub file: String,
    /// Name and version.
    pub version: String,
    /// Its binary interface.
    pub abi: Abi,
}

impl fmt::Display for MpiLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.version, self.file)
    }
}

/// A library that stays loaded for as long as the process runs: MPI has threads of its own, and work to do at exit.
pub(super) struct Opened {
    pub library: &'static Library,
    pub about: MpiLibrary,
}

/// Room for what a function of MPI writes as text: the most of any interface, for versions as for errors.
pub(super) const TEXT: usize = 8192;

/// Opens the first of these names that there is. One that is there and cannot be used is an error: another after it would
/// hardly be the one meant, and two in one process disturb each other.
pub(super) fn open(names: &[String]) -> Result<Opened, RanksError> {
    let mut tried = vec![];
    for name in names {
        match open_one(name) {
            Ok(library) => {
                let library: &'static Library = Box::leak(Box::new(library));
                let about =
                    about(library, name).map_err(|reason| RanksError::Library { library: name.clone(), reason })?;
                return Ok(Opened { library, about });
            }
            // The system's message begins with the name, if the file or another that it needs is missing.
            Err(error) => tried.push(error),
        }
    }
    Err(RanksError::NoLibrary { tried: tried.join("; ") })
}

#[allow(unsafe_code)]
fn open_one(name: &str) -> Result<Library, String> {
    // Plugins of Open MPI look for the symbols of the library that loads them, hence global.
    // SAFETY: loading runs the initialisers of the library. The names are those of MPI libraries, or the user's own word
    // for one, and any program that is linked with MPI runs the same initialisers.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) };
    library.map_err(|error| {
        let text = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
        if text.contains(name) { text } else { format!("{name}: {text}") }
    })
}

fn about(library: &Library, file: &str) -> Result<MpiLibrary, String> {
    let text = version(library)?;
    let standard = standard_version(library);
    let abi = recognise(&text, standard, address(library, "ompi_mpi_comm_world").is_some())?;
    Ok(MpiLibrary { file: file.into(), version: short(&text), abi })
}

/// Whose interface a library has, from its own words for itself (which are those of its maker, whatever the interface),
/// its version of the standard interface, and whether it has the handles of Open MPI.
fn recognise(text: &str, standard: Option<(c_int, c_int)>, has_open_mpi: bool) -> Result<Abi, String> {
    const FAMILY: [&str; 4] = ["MPICH", "Intel(R) MPI", "MVAPICH", "CRAY"];
    match standard {
        Some((1, _)) => Ok(Abi::Standard),
        Some((major, minor)) if major > 1 => Err(format!(
            "it has version {major}.{minor} of MPI's binary interface, known here is 1; a newer version of this program is needed"
        )),
        _ if has_open_mpi => Ok(Abi::OpenMpi),
        _ if FAMILY.iter().any(|name| text.contains(name)) => Ok(Abi::Mpich),
        _ => Err(format!(
            "{} is none of the MPIs known here (Open MPI, MPICH and those with its interface, and the interface of MPI 5); \
             set IMNN_MPI_LIBRARY to the library of another",
            short(text)
        )),
    }
}

/// Name and version in the words of a library: the first line, without what all begin or end with.
fn short(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("an MPI without a name");
    let line = line.split(',').next().unwrap_or(line);
    let line = line.split(" for ").next().unwrap_or(line);
    let line = line.replacen("Open MPI v", "Open MPI ", 1);
    let words: Vec<&str> =
        line.split_whitespace().filter(|word| !matches!(*word, "Version:" | "VERSION" | ":")).collect();
    words.join(" ")
}

/// What the library says it is, which MPI may be asked at any time.
#[allow(unsafe_code)]
fn version(library: &Library) -> Result<String, String> {
    type Function = unsafe extern "C" fn(*mut c_char, *mut c_int) -> c_int;
    // SAFETY: the type is that of the standard, with C types alone, in all interfaces.
    let function = unsafe { symbol::<Function>(library, "MPI_Get_library_version") }?;
    // SAFETY: the standard allows this call before MPI is initialised; it writes at most MPI_MAX_LIBRARY_VERSION_STRING
    // bytes, which are 8192 in MPICH and in the standard interface and 256 in Open MPI, and a number.
    Ok(unsafe { text(|buffer, len| function(buffer, len)) })
}

/// The version of the standard's binary interface that a library has; negative, or no answer, if it has another.
#[allow(unsafe_code)]
fn standard_version(library: &Library) -> Option<(c_int, c_int)> {
    type Function = unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int;
    let (mut major, mut minor) = (-1, -1);
    // SAFETY: the type is that of the standard, with C types alone, in all interfaces.
    let function = unsafe { symbol::<Function>(library, "MPI_Abi_get_version") }.ok()?;
    // SAFETY: the standard allows this call before MPI is initialised; it writes two numbers.
    let code = unsafe { function(&mut major, &mut minor) };
    (code == 0).then_some((major, minor))
}

/// The text that a function of MPI writes; it gets a buffer of [`TEXT`] bytes and a place for the length.
///
/// # Safety
///
/// The function must be one that may be called now, and write no more than that.
#[allow(unsafe_code)]
pub(super) unsafe fn text(function: impl FnOnce(*mut c_char, *mut c_int) -> c_int) -> String {
    let (mut buffer, mut len) = (vec![0_u8; TEXT], 0);
    function(buffer.as_mut_ptr().cast(), &mut len);
    let len = usize::try_from(len).unwrap_or(0).min(TEXT);
    String::from_utf8_lossy(&buffer[..len]).trim_matches(['\0', ' ', '\n']).to_owned()
}

/// A function of the library.
///
/// # Safety
///
/// `F` must be the type of a C function, and that of the function of this name.
#[allow(unsafe_code)]
pub(super) unsafe fn symbol<F: Copy>(library: &Library, name: &str) -> Result<F, String> {
    // SAFETY: as the caller promises.
    let symbol = unsafe { library.get::<F>(name.as_bytes()) };
    symbol.map(|symbol| *symbol).map_err(|_| format!("it has no function {name}; is it a library of MPI?"))
}

/// Where a variable of the library lies.
#[allow(unsafe_code)]
pub(super) fn address(library: &Library, name: &str) -> Option<*mut c_void> {
    // SAFETY: only the address is taken, nothing is read at it.
    let symbol = unsafe { library.get::<*mut c_void>(name.as_bytes()) }.ok()?;
    Some(symbol.as_raw_ptr()).filter(|address| !address.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_MPI: &str = "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022";
    const MPICH: &str = "MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7 12:34:45 CDT 2022";
    const INTEL: &str = "Intel(R) MPI Library 2021.18.1 for Linux* OS\n";
    const CRAY: &str = "MPI VERSION    : CRAY MPICH version 8.1.28.29 (ANL base 3.4a2)\n";

    #[test]
    fn interfaces_are_recognised() {
        assert_eq!(recognise(OPEN_MPI, None, true), Ok(Abi::OpenMpi));
        for text in [MPICH, INTEL, CRAY] {
            assert_eq!(recognise(text, None, false), Ok(Abi::Mpich));
            assert_eq!(recognise(text, Some((-1, -1)), false), Ok(Abi::Mpich));
            assert_eq!(recognise(text, Some((1, 0)), false), Ok(Abi::Standard));
        }
        // Open MPI 6 has both, and its library of the standard interface finds the handles of the other.
        assert_eq!(recognise(OPEN_MPI, Some((1, 0)), true), Ok(Abi::Standard));
    }

    #[test]
    fn unknown_interfaces_are_refused_by_name() {
        let reason = recognise("Some MPI 1.0, by somebody", None, false).unwrap_err();
        assert!(reason.starts_with("Some MPI 1.0 is none of the MPIs known here (Open MPI, MPICH"), "{reason}");
        let reason = recognise(MPICH, Some((2, 0)), false).unwrap_err();
        assert!(reason.starts_with("it has version 2.0 of MPI's binary interface, known here is 1"), "{reason}");
    }

    #[test]
    fn versions_are_short() {
        let shown = [OPEN_MPI, MPICH, INTEL, CRAY, ""].map(short);
        let expected = [
            "Open MPI 4.1.4",
            "MPICH 4.0.2",
            "Intel(R) MPI Library 2021.18.1",
            "MPI CRAY MPICH version 8.1.28.29 (ANL base 3.4a2)",
            "an MPI without a name",
        ];
        assert_eq!(shown, expected);
        let library = MpiLibrary { file: "libmpi.so.40".into(), version: short(OPEN_MPI), abi: Abi::OpenMpi };
        assert_eq!(library.to_string(), "Open MPI 4.1.4 (libmpi.so.40)");
    }

    #[test]
    fn libraries_that_are_not_there_or_not_of_mpi_are_refused() {
        let names = ["libno_such_mpi.so.1".to_owned(), "libno_other.so".to_owned()];
        let error = open(&names).err().unwrap().to_string();
        assert!(error.contains("set IMNN_MPI_LIBRARY") && error.contains("libno_such_mpi.so.1"), "{error}");
        assert!(error.contains("libno_other.so"), "{error}");
        if cfg!(target_os = "linux") {
            let error = open(&["libm.so.6".to_owned()]).err().unwrap().to_string();
            assert_eq!(error, "libm.so.6: it has no function MPI_Get_library_version; is it a library of MPI?");
        }
    }
}
