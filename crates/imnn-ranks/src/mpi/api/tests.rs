//! Calls of an MPI that is made up, one for each thread: what it says decides what is refused.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};

use super::*;

/// What the MPI of this thread says, and what it was asked to do.
#[derive(Clone, Copy, Default)]
struct State {
    initialized: bool,
    finalized: bool,
    level: c_int,
    is_main: bool,
    /// What collective calls return.
    code: c_int,
    aborted: c_int,
}

thread_local! {
    static STATE: Cell<State> = Cell::default();
}

fn change(change: impl FnOnce(&mut State)) -> c_int {
    let mut state = STATE.get();
    change(&mut state);
    STATE.set(state);
    0
}

#[allow(unsafe_code)]
fn write<T>(to: *mut T, value: T) -> c_int {
    // SAFETY: all pointers that the calls under test hand over are to values of theirs.
    unsafe { to.write(value) };
    0
}

extern "C" fn initialized(flag: *mut c_int) -> c_int {
    write(flag, STATE.get().initialized.into())
}

extern "C" fn finalized(flag: *mut c_int) -> c_int {
    write(flag, STATE.get().finalized.into())
}

extern "C" fn init_thread(_: *mut c_int, _: *mut *mut *mut c_char, _: c_int, level: *mut c_int) -> c_int {
    change(|state| state.initialized = true);
    write(level, STATE.get().level)
}

extern "C" fn query_thread(level: *mut c_int) -> c_int {
    write(level, STATE.get().level)
}

extern "C" fn is_thread_main(flag: *mut c_int) -> c_int {
    write(flag, STATE.get().is_main.into())
}

extern "C" fn finalize() -> c_int {
    change(|state| state.finalized = true)
}

extern "C" fn abort(_: c_int, code: c_int) -> c_int {
    change(|state| state.aborted = code)
}

extern "C" fn comm_rank(_: c_int, rank: *mut c_int) -> c_int {
    write(rank, 1)
}

extern "C" fn comm_size(_: c_int, size: *mut c_int) -> c_int {
    write(size, 2)
}

extern "C" fn comm_dup(_: c_int, own: *mut c_int) -> c_int {
    write(own, 7)
}

extern "C" fn comm_set_errhandler(own: c_int, _: c_int) -> c_int {
    // The error handler of the whole world is not ours to change.
    c_int::from(own != 7)
}

#[allow(unsafe_code)]
extern "C" fn error_string(code: c_int, text: *mut c_char, len: *mut c_int) -> c_int {
    let message = format!("error {code}\0");
    // SAFETY: the buffer has room for 8192 bytes.
    unsafe { text.copy_from(message.as_ptr().cast(), message.len()) };
    write(len, c_int::try_from(message.len()).unwrap())
}

extern "C" fn bcast(_: *mut c_void, _: c_int, _: c_int, _: c_int, _: c_int) -> c_int {
    STATE.get().code
}

#[allow(clippy::too_many_arguments)]
extern "C" fn allgatherv(
    _: *const c_void,
    _: c_int,
    _: c_int,
    _: *mut c_void,
    _: *const c_int,
    _: *const c_int,
    _: c_int,
    _: c_int,
) -> c_int {
    STATE.get().code
}

#[allow(clippy::too_many_arguments)]
extern "C" fn alltoallv(
    _: *const c_void,
    _: *const c_int,
    _: *const c_int,
    _: c_int,
    _: *mut c_void,
    _: *const c_int,
    _: *const c_int,
    _: c_int,
    _: c_int,
) -> c_int {
    STATE.get().code
}

/// Starts with an MPI that says this.
fn start(state: State) -> Result<Calls<c_int>, RanksError> {
    STATE.set(state);
    let functions = Functions {
        initialized,
        finalized,
        init_thread,
        query_thread,
        is_thread_main,
        finalize,
        abort,
        comm_rank,
        comm_size,
        comm_dup,
        comm_set_errhandler,
        error_string,
        bcast,
        allgatherv,
        alltoallv,
    };
    Calls::start(functions, Values { world: 0, byte: 1, errors_return: 2, funneled: 1, serialized: 2 })
}

/// MPI for programs with threads, of which the first may call it.
const FUNNELED: State = State { initialized: false, finalized: false, level: 1, is_main: true, code: 0, aborted: 0 };

#[test]
fn whoever_initialises_is_known() {
    let calls = start(FUNNELED).unwrap();
    assert!(calls.is_ours() && STATE.get().initialized);
    assert_eq!(calls.rank_and_size().unwrap(), (1, 2));
    let calls = start(State { initialized: true, ..FUNNELED }).unwrap();
    assert!(!calls.is_ours());
}

#[test]
fn an_mpi_without_threads_is_refused() {
    // Of others it is left as it is; one of ours is ended.
    let none = State { level: 0, ..FUNNELED };
    assert!(matches!(start(State { initialized: true, ..none }), Err(RanksError::ThreadLevel)));
    assert!(!STATE.get().finalized);
    assert!(matches!(start(none), Err(RanksError::ThreadLevel)));
    assert!(STATE.get().finalized);
}

#[test]
fn an_mpi_of_another_thread_is_refused() {
    let other = State { initialized: true, is_main: false, ..FUNNELED };
    assert!(matches!(start(other), Err(RanksError::WrongThread { .. })));
    // Unless all threads may call it.
    assert!(start(State { level: 2, ..other }).is_ok());
}

#[test]
fn an_mpi_that_has_ended_is_refused() {
    assert!(matches!(start(State { initialized: true, finalized: true, ..FUNNELED }), Err(RanksError::Ended { .. })));
    let calls = start(FUNNELED).unwrap();
    calls.finalize().unwrap();
    let error = calls.bcast(&mut [1]).unwrap_err();
    assert_eq!(error.to_string(), "MPI_Bcast was called after MPI had been finalised in this process");
    assert!(matches!(calls.finalize(), Err(RanksError::Ended { .. })));
}

#[test]
fn errors_have_the_words_of_mpi() {
    let calls = start(FUNNELED).unwrap();
    change(|state| state.code = 15);
    let errors = [
        (calls.bcast(&mut [1]), "rank 1: MPI_Bcast failed: error 15"),
        (calls.allgatherv(&[1], &mut [0; 2], &[1, 1]), "rank 1: MPI_Allgatherv failed: error 15"),
        (calls.alltoallv(&[], &[0, 0], &mut [], &[0, 0]), "rank 1: MPI_Alltoallv failed: error 15"),
    ];
    for (result, expected) in errors {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
    calls.abort(70).unwrap();
    assert_eq!(STATE.get().aborted, 70);
}

#[test]
fn lengths_are_checked_before_mpi_sees_them() {
    let calls = start(FUNNELED).unwrap();
    let refused = [
        // Beyond what there is, less, too few, negative, not the own one, and more than a C int holds.
        calls.allgatherv(&[1], &mut [0; 2], &[1, 2]),
        calls.allgatherv(&[1], &mut [0; 3], &[1, 1]),
        calls.allgatherv(&[1], &mut [0; 1], &[1]),
        calls.allgatherv(&[1], &mut [0; 0], &[-1, 1]),
        calls.allgatherv(&[1, 2], &mut [0; 2], &[1, 1]),
        calls.allgatherv(&[1], &mut [0; 2], &[c_int::MAX, c_int::MAX]),
        calls.alltoallv(&[1], &[1, 1], &mut [0; 2], &[1, 1]),
        calls.alltoallv(&[1, 2], &[1, 1], &mut [0; 1], &[1, 1]),
    ];
    for result in refused {
        assert!(matches!(result, Err(RanksError::Lengths(_))), "{result:?}");
    }
    assert!(calls.alltoallv(&[1, 2], &[1, 1], &mut [0; 2], &[2, 0]).is_ok());
}

#[test]
fn mpi_is_for_the_thread_that_initialised_it() {
    let calls = start(FUNNELED).unwrap();
    let error = std::thread::scope(|scope| scope.spawn(|| calls.bcast(&mut [1])).join().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "MPI_Bcast was called by another thread than the one that initialised MPI, which alone may call it"
    );
}
