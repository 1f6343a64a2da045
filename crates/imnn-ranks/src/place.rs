//! Which ranks share a machine.

use crate::error::RanksError;
use crate::launch::{self, Environment};
use crate::ranks::{Ranks, gather_all};

/// Where a rank is among the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of the ranks this is.
    pub rank: usize,
    /// How many there are.
    pub size: usize,
    /// The name of the machine.
    pub host: String,
    /// Which of the ranks on this machine this is: the GPU that it takes.
    pub local_rank: usize,
    /// How many ranks run on this machine.
    pub local_size: usize,
    /// On how many machines there are ranks.
    pub nodes: usize,
    /// The processors on which any rank of this machine may run; `None` where the system does not tell.
    pub cores: Option<usize>,
}

/// What a rank tells the others about itself.
struct Entry {
    host: String,
    /// Rank and number of ranks on its machine, as its launcher says.
    local: Option<(usize, usize)>,
    /// The processors on which it may run, 32 to a word, as Linux writes them.
    processors: Vec<u32>,
}

impl Place {
    /// Finds out where all ranks are. Collective.
    ///
    /// What the launcher says comes first: containers on several machines may all have the same name. Without that, ranks
    /// whose machines have the same name are on one.
    ///
    /// # Errors
    ///
    /// Those of [`Ranks::gather`].
    pub fn find(ranks: &(impl Ranks + ?Sized)) -> Result<Place, RanksError> {
        Place::found(ranks, host(), &launch::environment, &processors())
    }

    fn found(
        ranks: &(impl Ranks + ?Sized),
        host: String,
        environment: Environment<'_>,
        processors: &str,
    ) -> Result<Place, RanksError> {
        let local = launch::local(environment).map_or(String::new(), |(rank, size)| format!("{rank} {size}"));
        let own = format!("{host}\n{local}\n{processors}");
        let entries: Vec<Entry> = gather_all(ranks, own.as_bytes())?.iter().map(|text| Entry::read(text)).collect();
        Ok(Place::among(&entries, ranks.rank(), host))
    }

    fn among(entries: &[Entry], rank: usize, host: String) -> Place {
        let here: Vec<usize> = (0..entries.len()).filter(|&k| entries[k].host == host).collect();
        let told: Option<Vec<(usize, usize)>> = entries.iter().map(|entry| entry.local).collect();
        let names = || {
            let first = |k: &usize| entries[..*k].iter().all(|entry| entry.host != entries[*k].host);
            (here.iter().filter(|&&k| k < rank).count(), here.len(), (0..entries.len()).filter(first).count())
        };
        let (local_rank, local_size, nodes) = match told {
            Some(told) => (told[rank].0, told[rank].1, told.iter().filter(|(rank, _)| *rank == 0).count()),
            None => names(),
        };
        let words = here.iter().map(|&k| entries[k].processors.len()).max().unwrap_or(0);
        let word = |w: usize| here.iter().filter_map(|&k| entries[k].processors.get(w)).fold(0, |all, own| all | own);
        let cores = (0..words).map(|w| word(w).count_ones() as usize).sum();
        Place {
            rank,
            size: entries.len(),
            host,
            local_rank,
            local_size,
            nodes: nodes.max(1),
            cores: Some(cores).filter(|&n| n > 0),
        }
    }

    /// What to say where the ranks of this machine have more threads together than it has processors for them.
    pub fn too_many_threads(&self, threads: usize) -> Option<String> {
        let (n, cores) = (self.local_size, self.cores?);
        let all = n.saturating_mul(threads);
        (n > 1 && all > cores).then(|| {
            format!(
                "{n} ranks on {} with {threads} threads each are {all} threads on {cores} processors; \
                 {} threads each would be of use",
                self.host,
                (cores / n).max(1)
            )
        })
    }
}

impl Entry {
    fn read(text: &[u8]) -> Entry {
        let text = String::from_utf8_lossy(text);
        let mut lines = text.split('\n');
        let mut line = || lines.next().unwrap_or_default();
        let (host, local, processors) = (line().to_owned(), line(), line());
        let local = local.split_once(' ').and_then(|(rank, size)| Some((rank.parse().ok()?, size.parse().ok()?)));
        // The last word holds the first processors.
        let words = processors.split(',').rev().map_while(|word| u32::from_str_radix(word, 16).ok());
        Entry { host, local, processors: words.collect() }
    }
}

/// The name of this machine.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The processors on which this process may run, as Linux writes them; empty elsewhere.
fn processors() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed:"));
    line.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threads;

    /// The machine of a rank, what its launcher says and the processors that it may use.
    type Told = (&'static str, Option<(usize, usize)>, &'static str);

    fn places(told: &[Told]) -> Vec<Place> {
        std::thread::scope(|scope| {
            let rank = |(ranks, (host, local, processors)): (Threads, Told)| {
                let environment = |name: &str| match name {
                    "PMI_LOCAL_RANK" => local.map(|(rank, _)| rank.to_string()),
                    "PMI_LOCAL_SIZE" => local.map(|(_, size)| size.to_string()),
                    _ => None,
                };
                Place::found(&ranks, host.into(), &environment, processors).unwrap()
            };
            let told = Threads::new(told.len()).into_iter().zip(told.iter().copied());
            let threads: Vec<_> = told.map(|one| scope.spawn(move || rank(one))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn machines_are_told_by_their_names() {
        let places = places(&[("b", None, "f"), ("a", None, "3"), ("b", None, "f"), ("b", Some((0, 9)), "f")]);
        let local: Vec<_> = places.iter().map(|place| (place.local_rank, place.local_size, place.nodes)).collect();
        // One rank without a word of its launcher, and none of the words counts.
        assert_eq!(local, [(0, 3, 2), (0, 1, 2), (1, 3, 2), (2, 3, 2)]);
        assert_eq!((places[3].rank, places[3].size, &*places[3].host), (3, 4, "b"));
    }

    #[test]
    fn what_the_launcher_says_comes_first() {
        let pair = |rank| ("container", Some((rank, 2)), "");
        let places = places(&[pair(0), pair(1), pair(0), pair(1)]);
        let local: Vec<_> = places.iter().map(|place| (place.local_rank, place.local_size, place.nodes)).collect();
        assert_eq!(local, [(0, 2, 2), (1, 2, 2), (0, 2, 2), (1, 2, 2)]);
        assert_eq!(places[0].cores, None);
        assert_eq!(places[0].too_many_threads(1000), None);
    }

    #[test]
    fn threads_are_compared_with_the_processors_of_all_ranks_here() {
        // Bound to four each, beyond the first word; and both on the same four.
        let bound = places(&[("a", None, "f,00000000"), ("a", None, "f0,00000000")]);
        assert_eq!((bound[0].cores, bound[0].too_many_threads(4)), (Some(8), None));
        let same = places(&[("a", None, "0000000f"), ("a", None, "0000000f")]);
        assert_eq!(
            same[1].too_many_threads(4).unwrap(),
            "2 ranks on a with 4 threads each are 8 threads on 4 processors; 2 threads each would be of use"
        );
    }

    #[test]
    fn this_machine_has_a_name_and_processors() {
        let place = Place::find(&Threads::new(1).remove(0)).unwrap();
        assert!(!place.host.is_empty());
        assert_eq!(cfg!(target_os = "linux"), place.cores.is_some());
    }
}
