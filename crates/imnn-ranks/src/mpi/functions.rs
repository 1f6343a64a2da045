//! The functions of MPI that are called, as C has them.

use std::ffi::{c_char, c_int, c_void};

use libloading::os::unix::Library;

use super::library::symbol;

/// How a handle looks to C: an `int` in MPICH, a pointer elsewhere.
pub(super) trait Handle: Copy + Send + Sync + 'static {}

impl Handle for c_int {}

/// The handle of an interface whose handles are pointers.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Pointer(pub *mut c_void);

impl Handle for Pointer {}

// SAFETY: a handle is a value that MPI gave out and gets back; nothing here looks where it points to.
#[allow(unsafe_code)]
unsafe impl Send for Pointer {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Pointer {}

macro_rules! functions {
    ($($field:ident = $name:literal ($($argument:ty),*);)*) => {
        /// The functions of a library whose handles are of type `H`.
        pub(super) struct Functions<H> {
            $(pub $field: unsafe extern "C" fn($($argument),*) -> c_int,)*
        }

        impl<H: Handle> Functions<H> {
            /// Looks all up, so that a library that lacks one is refused before it is initialised.
            ///
            /// # Safety
            ///
            /// The library must have an interface whose handles are of type `H`.
            #[allow(unsafe_code)]
            pub(super) unsafe fn load(library: &Library) -> Result<Self, String> {
                Ok(Functions {
                    // SAFETY: these are the types of the MPI standard, with the handles that the caller promises.
                    $($field: unsafe { symbol::<unsafe extern "C" fn($($argument),*) -> c_int>(library, $name) }?,)*
                })
            }
        }
    };
}

functions! {
    initialized = "MPI_Initialized" (*mut c_int);
    finalized = "MPI_Finalized" (*mut c_int);
    init_thread = "MPI_Init_thread" (*mut c_int, *mut *mut *mut c_char, c_int, *mut c_int);
    query_thread = "MPI_Query_thread" (*mut c_int);
    is_thread_main = "MPI_Is_thread_main" (*mut c_int);
    finalize = "MPI_Finalize" ();
    abort = "MPI_Abort" (H, c_int);
    comm_rank = "MPI_Comm_rank" (H, *mut c_int);
    comm_size = "MPI_Comm_size" (H, *mut c_int);
    comm_dup = "MPI_Comm_dup" (H, *mut H);
    comm_set_errhandler = "MPI_Comm_set_errhandler" (H, H);
    error_string = "MPI_Error_string" (c_int, *mut c_char, *mut c_int);
    bcast = "MPI_Bcast" (*mut c_void, c_int, H, c_int, H);
    allgatherv = "MPI_Allgatherv" (*const c_void, c_int, H, *mut c_void, *const c_int, *const c_int, H, H);
    alltoallv = "MPI_Alltoallv"
        (*const c_void, *const c_int, *const c_int, H, *mut c_void, *const c_int, *const c_int, H, H);
}
