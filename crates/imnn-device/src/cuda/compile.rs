//! Kernels for the card that is found: compiled by NVRTC, and kept in a folder for the next time.

use super::report;
use crate::commands::kernels;
use cudarc::nvrtc::{result, sys};
use std::ffi::CString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Begins every file of the cache, before the length and a hash of what follows.
const MAGIC: &[u8; 8] = b"imnncu01";

/// Machine code for cards of this compute capability, from the cache if it is there.
///
/// # Errors
/// What the compiler said.
pub(super) fn kernels(size: usize, capability: (i32, i32)) -> Result<Vec<u8>, String> {
    let source = kernels::source(kernels::real(size));
    let target = format!("sm_{}{}", capability.0, capability.1);
    let file = folder().map(|folder| {
        let mut hasher = DefaultHasher::new();
        (&source, &target, report::nvrtc_version()).hash(&mut hasher);
        folder.join(format!("kernels-{target}-{:016x}.cubin", hasher.finish()))
    });
    if let Some(code) = file.as_deref().and_then(load) {
        return Ok(code);
    }
    let code = compile(&source, &target)?;
    if let Some(file) = &file {
        // Without a place to keep it, it is compiled the next time again.
        let _ = store(file, &code);
    }
    Ok(code)
}

/// Compiles for a target such as `sm_90`.
#[allow(unsafe_code)]
pub(super) fn compile(source: &str, target: &str) -> Result<Vec<u8>, String> {
    let text = CString::new(source).map_err(|error| error.to_string())?;
    let failed = |error: result::NvrtcError| format!("NVRTC could not compile the kernels for {target}: {error:?}");
    let program = result::create_program(&text, Some(c"imnn.cu")).map_err(failed)?;
    let options = [format!("--gpu-architecture={target}"), "--std=c++17".into()];
    // SAFETY: the program was just made, and is destroyed once, below.
    let compiled = unsafe { result::compile_program(program, &options) };
    let code = match compiled {
        Ok(()) => machine_code(program).map_err(failed),
        Err(error) => {
            // SAFETY: as above.
            let log = unsafe { result::get_program_log(program) }.unwrap_or_default();
            let log: Vec<u8> = log.into_iter().take_while(|&c| c != 0).map(|c| c as u8).collect();
            Err(format!("{}: {}", failed(error), String::from_utf8_lossy(&log)))
        }
    };
    // SAFETY: nothing refers to the program any more.
    unsafe { result::destroy_program(program) }.map_err(failed)?;
    code
}

#[allow(unsafe_code)]
fn machine_code(program: sys::nvrtcProgram) -> Result<Vec<u8>, result::NvrtcError> {
    let mut size = 0;
    // SAFETY: the program has been compiled; the pointer is to a number of the type asked for.
    unsafe { sys::nvrtcGetCUBINSize(program, &mut size) }.result()?;
    let mut code = vec![0u8; size];
    // SAFETY: there is room for as many bytes as NVRTC says it writes.
    unsafe { sys::nvrtcGetCUBIN(program, code.as_mut_ptr().cast()) }.result()?;
    Ok(code)
}

/// Where compiled kernels are kept.
fn folder() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("imnn"))
}

fn hash(code: &[u8]) -> [u8; 8] {
    let mut hasher = DefaultHasher::new();
    code.hash(&mut hasher);
    hasher.finish().to_le_bytes()
}

/// The code in a file of the cache, if it is whole.
fn load(file: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(file).ok()?;
    let rest = bytes.strip_prefix(MAGIC)?;
    let (sum, code) = rest.split_at_checked(8)?;
    (sum == hash(code) && !code.is_empty()).then(|| code.to_vec())
}

/// Writes a file of the cache, which another process may read or write at the same time.
fn store(file: &Path, code: &[u8]) -> Result<(), imnn_io::FileError> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(imnn_io::FileError::of("create", folder))?;
    }
    imnn_io::atomic::write(file, [MAGIC, &hash(code)[..], code].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_files_are_taken_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b.cubin");
        assert_eq!(load(&file), None);
        store(&file, b"machine code").unwrap();
        assert_eq!(load(&file).unwrap(), b"machine code");
        let whole = std::fs::read(&file).unwrap();
        for damaged in [&whole[..whole.len() - 1], &whole[..10], b"", &[&whole[..], b"x"].concat()] {
            std::fs::write(&file, damaged).unwrap();
            assert_eq!(load(&file), None);
        }
        store(&file, b"other").unwrap();
        assert_eq!(load(&file).unwrap(), b"other");
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    /// Every kernel, in both precisions, for a card of each generation from Volta on that this NVRTC knows.
    #[test]
    #[allow(unsafe_code)]
    fn kernels_compile_for_each_generation() {
        if !report::has_nvrtc() {
            let needed = std::env::var_os("IMNN_NVRTC").is_some();
            assert!(!needed, "IMNN_NVRTC is set, and libnvrtc is not found");
            eprintln!("SKIPPED: kernels were not compiled, libnvrtc is not found; `cargo xtask cuda` gets it");
            return;
        }
        let mut n = 0;
        // SAFETY: the library is present, and the pointers are to numbers of the type asked for.
        unsafe { sys::nvrtcGetNumSupportedArchs(&mut n) }.result().unwrap();
        let mut targets = vec![0; n as usize];
        // SAFETY: there is room for as many as NVRTC said.
        unsafe { sys::nvrtcGetSupportedArchs(targets.as_mut_ptr()) }.result().unwrap();
        targets.retain(|target| [70, 75, 80, 89, 90, 100, 120].contains(target));
        assert!(targets.contains(&80) && targets.contains(&90) && targets.contains(&100), "{targets:?}");
        let check = |size: usize| {
            for target in &targets {
                let code = compile(&kernels::source(kernels::real(size)), &format!("sm_{target}")).unwrap();
                for name in kernels::names() {
                    assert!(code.windows(name.len()).any(|w| w == name.as_bytes()), "{name} for sm_{target}");
                }
                eprintln!("kernels for numbers of {size} bytes compiled for sm_{target}");
            }
        };
        std::thread::scope(|scope| {
            let single = scope.spawn(|| check(size_of::<f32>()));
            check(size_of::<f64>());
            single.join().unwrap();
        });
    }

    #[test]
    fn what_the_compiler_says_is_said() {
        if report::has_nvrtc() {
            let error = compile("extern \"C\" __global__ void f() { nonsense; }", "sm_90").unwrap_err();
            assert!(error.contains("nonsense") && error.contains("sm_90"), "{error}");
        }
    }
}
