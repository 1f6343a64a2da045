//! Files and folders that appear whole or not at all.
//!
//! Everything is written under a hidden name beside its target, synced to the disk, and then renamed; at last the folder
//! is synced, so that a crash of the machine loses neither the bytes nor the name. A folder that is replaced changes its
//! name with the new one in one step where the system can (Linux, on local disks), so that there is always one of them;
//! elsewhere the old one is set aside under a hidden name for an instant, and put back by [`restore`] if the process was
//! killed in that instant.
//!
//! Hidden names hold a random number: several processes, also of several machines, can write the same target. What a
//! killed process left is removed by whoever writes the same target next. A process holds an advisory lock on what it
//! writes for as long as it lives, so that on one machine (one running kernel, which the hidden name tells) the lock says
//! whether the writer is gone.
//!
//! On network disks:
//!
//! - Locks may hold on one machine only, or not be had at all. What another machine began is removed when nothing in it has
//!   been written to for a day, by the clock of the file server alone: a time of its own of the same disk is compared.
//!   A process that writes for longer than a day has to write something in it every day.
//! - Renaming is one step on the server, and what was synced before it is there after it.
//! - A rename that the server did and of which the answer was lost is an error here, of a file that is in its place.

mod error;
#[cfg(test)]
mod kill_tests;
mod leftover;
mod name;
mod partial;
mod place;
mod set;
#[cfg(test)]
mod tests;
mod write;

pub use self::error::FileError;
pub use self::leftover::restore;
pub use self::name::token;
pub use self::partial::Partial;
pub use self::place::{check_free, sync_folder};
pub use self::set::FileSet;
pub use self::write::{put, write, write_new, write_with};
