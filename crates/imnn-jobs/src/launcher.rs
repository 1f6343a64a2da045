//! What a launcher of MPI programs (mpirun, srun) leaves in the environment of what it starts.
//!
//! Where this process was started by one, the programs that it runs are not the launcher's: an MPI program would take itself
//! for the rank that this process is, and another mpirun would refuse to run inside the first. Settings that users make are
//! kept, and so is the allocation of a batch system, which srun needs.

/// How the names of such variables begin.
const LAUNCHER: [&str; 20] = [
    "OMPI_COMM_WORLD_",
    "OMPI_UNIVERSE_SIZE",
    "OMPI_APP_CTX_NUM_PROCS",
    "OMPI_FIRST_RANKS",
    "OMPI_NUM_APP_CTX",
    "OMPI_ARGV",
    "OMPI_COMMAND",
    "OMPI_FILE_LOCATION",
    "OMPI_MCA_ess",
    "OMPI_MCA_orte_",
    "OMPI_MCA_initial_wdir",
    "PRTE_LAUNCHED",
    "PMIX_",
    "PMI_",
    "PMI2_",
    "HYDI_",
    "MPI_LOCALRANKID",
    "MPI_LOCALNRANKS",
    "MV2_COMM_WORLD_",
    "JSM_NAMESPACE_",
];
/// Of these, what users set.
const SETTINGS: [&str; 1] = ["PMIX_MCA_"];

/// The variables of this process that belong to its own launcher.
pub(crate) fn variables() -> impl Iterator<Item = std::ffi::OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| is_launchers(&name.to_string_lossy()))
}

fn is_launchers(name: &str) -> bool {
    let begins = |all: &[&str]| all.iter().any(|start| name.starts_with(start));
    begins(&LAUNCHER) && !begins(&SETTINGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_the_allocation_are_kept() {
        for name in
            ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_SERVER_URI41", "OMPI_MCA_orte_hnp_uri", "MPI_LOCALRANKID"]
        {
            assert!(is_launchers(name), "{name}");
        }
        for name in [
            "OMPI_MCA_btl",
            "PMIX_MCA_gds",
            "SLURM_JOB_ID",
            "SLURM_STEP_ID",
            "I_MPI_FABRICS",
            "PATH",
            "OMP_NUM_THREADS",
        ] {
            assert!(!is_launchers(name), "{name}");
        }
    }
}
