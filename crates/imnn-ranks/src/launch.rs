//! What the program that started us left in the environment.

use std::thread;
use std::time::Duration;

/// Variables of this process, or in tests whatever they are to be.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of this process.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A start of several processes, as the launcher tells it: `mpirun`, `mpiexec`, `srun` and their like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// How many processes were started together.
    pub size: usize,
    /// The variable that says so.
    pub variable: &'static str,
    /// Which of them this is, if the launcher says so.
    pub(crate) rank: Option<usize>,
    /// The launcher's family, which tells the library that it belongs to.
    pub(crate) family: Family,
}

/// Which libraries a launcher can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    OpenMpi,
    /// MPICH, Intel MPI, Cray MPICH and others that start by PMI.
    Mpich,
    /// PMIx: any, but mostly Open MPI.
    Pmix,
    Unknown,
}

/// Number of processes and the own number of each. The first that is a number counts. A launcher comes before a batch system,
/// in which it may run.
const STARTS: [(&str, &str, Family); 6] = [
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", Family::OpenMpi),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", Family::Mpich),
    ("PMI_SIZE", "PMI_RANK", Family::Mpich),
    ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", Family::OpenMpi),
    ("FLUX_JOB_SIZE", "FLUX_TASK_RANK", Family::Unknown),
    // Of the step: that of the job is set in a batch script too, which is a single process.
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", Family::Unknown),
];

/// Rank and number of ranks on this machine.
const LOCAL: [(&str, &str); 5] = [
    ("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("PMI_LOCAL_RANK", "PMI_LOCAL_SIZE"),
    ("JSM_NAMESPACE_LOCAL_RANK", "JSM_NAMESPACE_LOCAL_SIZE"),
];

impl Launch {
    /// The start of this process together with others; `None` if it was started alone, or a launcher started a single one.
    ///
    /// It reads the environment and does nothing else, so that a command that runs in one process can refuse to run in eight.
    pub fn of_this_process() -> Option<Launch> {
        Launch::read(&environment)
    }

    /// Waits for a second, unless this is the first of the processes, or it is not known which it is. Before they have found
    /// each other they meet the same errors and cannot agree who says so: the first does, and its end makes the launcher end
    /// the others.
    pub fn let_the_first_speak(&self) {
        if self.rank.is_some_and(|rank| rank > 0) {
            thread::sleep(Duration::from_secs(1));
        }
    }

    pub(crate) fn read(environment: Environment<'_>) -> Option<Launch> {
        let (size, variable, rank, family) = STARTS
            .into_iter()
            .find_map(|(size, rank, family)| Some((number(environment, size)?, size, rank, family)))?;
        let family = match family {
            Family::Unknown if environment("PMIX_RANK").is_some() => Family::Pmix,
            Family::Unknown if environment("PMI_RANK").is_some() => Family::Mpich,
            family => family,
        };
        (size > 1).then(|| Launch { size, variable, rank: number(environment, rank), family })
    }
}

/// Which of the ranks on this machine this is, and how many there are, if the launcher says so.
pub(crate) fn local(environment: Environment<'_>) -> Option<(usize, usize)> {
    let pair = |(rank, size)| Some((number(environment, rank)?, number(environment, size)?));
    LOCAL.into_iter().find_map(pair).filter(|(rank, size)| rank < size)
}

fn number(environment: Environment<'_>, variable: &str) -> Option<usize> {
    environment(variable)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Option<Launch> {
        Launch::read(&|name| find(variables, name))
    }

    fn find(variables: &[(&str, &str)], name: &str) -> Option<String> {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into())
    }

    #[test]
    fn a_launch_is_of_several_processes() {
        assert_eq!(read(&[]), None);
        // A batch script of a job with four tasks is one process.
        assert_eq!(read(&[("SLURM_NTASKS", "4"), ("SLURM_STEP_NUM_TASKS", "")]), None);
        assert_eq!(read(&[("OMPI_COMM_WORLD_SIZE", "1")]), None);
        assert_eq!(read(&[("PMI_SIZE", "many")]), None);
        let launch = read(&[("PMI_SIZE", "8")]).unwrap();
        assert_eq!((launch.size, launch.variable, launch.family), (8, "PMI_SIZE", Family::Mpich));
        assert_eq!(launch.rank, None);
        assert_eq!(read(&[("PMI_SIZE", "8"), ("PMI_RANK", "3")]).unwrap().rank, Some(3));
    }

    #[test]
    fn a_launcher_inside_a_batch_system_counts() {
        let slurm = ("SLURM_STEP_NUM_TASKS", "4");
        let launch = read(&[slurm, ("OMPI_COMM_WORLD_SIZE", "3")]).unwrap();
        assert_eq!((launch.size, launch.family), (3, Family::OpenMpi));
        assert_eq!(read(&[slurm, ("OMPI_COMM_WORLD_SIZE", "1")]), None);
        assert_eq!(read(&[slurm]).unwrap().family, Family::Unknown);
        assert_eq!(read(&[slurm, ("PMIX_RANK", "0")]).unwrap().family, Family::Pmix);
        assert_eq!(read(&[slurm, ("PMI_RANK", "0")]).unwrap().family, Family::Mpich);
    }

    #[test]
    fn local_ranks_come_in_pairs() {
        let local = |variables: &[(&str, &str)]| local(&|name| find(variables, name));
        assert_eq!(local(&[("OMPI_COMM_WORLD_LOCAL_RANK", "1"), ("OMPI_COMM_WORLD_LOCAL_SIZE", "2")]), Some((1, 2)));
        assert_eq!(local(&[("MPI_LOCALRANKID", "0"), ("MPI_LOCALNRANKS", "1")]), Some((0, 1)));
        assert_eq!(local(&[("MPI_LOCALRANKID", "0")]), None);
        assert_eq!(local(&[("MPI_LOCALRANKID", "2"), ("MPI_LOCALNRANKS", "2")]), None);
    }
}
