//! Which libraries are looked for, and in which order.

use crate::launch::{Environment, Family, Launch};

/// Names the file or path of the library, before all others.
pub(super) const LIBRARY: &str = "IMNN_MPI_LIBRARY";

#[cfg(not(target_os = "macos"))]
mod files {
    pub(super) const STANDARD: &[&str] = &["libmpi_abi.so.1"];
    pub(super) const OPEN_MPI: &[&str] = &["libmpi.so.40"];
    // Debian has its own name.
    pub(super) const MPICH: &[&str] = &["libmpi.so.12", "libmpich.so.12"];
}

#[cfg(target_os = "macos")]
mod files {
    pub(super) const STANDARD: &[&str] = &["libmpi_abi.1.dylib"];
    pub(super) const OPEN_MPI: &[&str] = &["libmpi.40.dylib"];
    pub(super) const MPICH: &[&str] = &["libmpi.12.dylib"];
}

/// The names in the order in which they are tried: the user's alone if there is one, else first those of the launcher's
/// family.
pub(super) fn names(environment: Environment<'_>, launch: Option<&Launch>) -> Vec<String> {
    use files::{MPICH, OPEN_MPI, STANDARD};
    if let Some(name) = environment(LIBRARY).filter(|name| !name.is_empty()) {
        return vec![name];
    }
    let order = match launch.map_or(Family::Unknown, |launch| launch.family) {
        Family::OpenMpi | Family::Pmix => [OPEN_MPI, STANDARD, MPICH],
        Family::Mpich => [STANDARD, MPICH, OPEN_MPI],
        Family::Unknown => [STANDARD, OPEN_MPI, MPICH],
    };
    order.into_iter().flatten().map(|&name| name.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(variables: &[(&str, &str)]) -> String {
        let environment =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        names(&environment, Launch::read(&environment).as_ref()).remove(0)
    }

    #[test]
    fn the_launcher_says_which_library_comes_first() {
        assert_eq!(first(&[("OMPI_COMM_WORLD_SIZE", "2")]), files::OPEN_MPI[0]);
        assert_eq!(first(&[("SLURM_STEP_NUM_TASKS", "2"), ("PMIX_RANK", "0")]), files::OPEN_MPI[0]);
        assert_eq!(first(&[("PMI_SIZE", "2")]), files::STANDARD[0]);
        assert_eq!(first(&[]), files::STANDARD[0]);
    }

    #[test]
    fn the_users_library_is_the_only_one() {
        let environment = |name: &str| (name == LIBRARY).then(|| "/opt/mpi/libmpi.so".to_owned());
        assert_eq!(names(&environment, None), ["/opt/mpi/libmpi.so"]);
        // Set, but to nothing, as scripts do that unset it.
        assert_eq!(first(&[(LIBRARY, ""), ("OMPI_COMM_WORLD_SIZE", "2")]), files::OPEN_MPI[0]);
        let mut all = names(&|_| None, None);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), files::STANDARD.len() + files::OPEN_MPI.len() + files::MPICH.len());
    }
}
