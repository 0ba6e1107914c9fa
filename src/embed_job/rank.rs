//! Which of several processes this one is.

use crate::error::{Error, Result};

/// This process among those that share the work: shard number n belongs to rank n mod world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRank {
    /// Its number, from 0.
    pub rank: usize,
    /// How many there are.
    pub world: usize,
    /// The variables it was read from; empty where none is set.
    pub said_by: String,
}

/// Where launchers (torchrun, SLURM, Open MPI, MPICH) say rank and size.
const VARIABLES: [(&str, &str); 4] = [
    ("RANK", "WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
];

impl WorkerRank {
    /// A process that does all the work.
    pub fn alone() -> Self {
        Self { rank: 0, world: 1, said_by: String::new() }
    }

    /// Process `rank` of `world`.
    ///
    /// # Errors
    /// Where there is no such rank.
    pub fn new(rank: usize, world: usize) -> Result<Self> {
        if rank >= world {
            return Err(Error::config(format!(
                "rank {rank} of {world}: ranks go from 0 to one less than the world size"
            )));
        }
        Ok(Self { rank, world, said_by: String::new() })
    }

    /// The rank by the first launcher whose variables are set; a single worker where none is.
    ///
    /// # Errors
    /// Where a variable holds no number, or there is no such rank.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        for (rank, world) in VARIABLES {
            let (Some(a), Some(b)) = (variable(rank), variable(world)) else { continue };
            let number = |name: &str, text: &str| {
                text.trim().parse::<usize>().map_err(|_| {
                    Error::config(format!("{name} is {text:?}, expected a number; unset it or give --rank and --world-size"))
                })
            };
            let share = Self::new(number(rank, &a)?, number(world, &b)?)
                .map_err(|error| Error::config(format!("{rank} and {world}: {error}")))?;
            let said_by = if share.world > 1 { format!("{rank}, {world}") } else { "".into() };
            return Ok(Self { said_by, ..share });
        }
        Ok(Self::alone())
    }

    /// What is put in the names of files that are this process's own: `-0-of-2`; nothing where it
    /// is alone.
    pub fn suffix(&self) -> String {
        match self.world {
            1 => String::new(),
            world => format!("-{}-of-{world}", self.rank),
        }
    }

    /// Whether shard `number` is this process's.
    pub fn owns(&self, number: usize) -> bool {
        number % self.world == self.rank
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_launcher_that_says_both_is_believed() {
        let from_variables = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (*a, b.to_string())).collect();
            WorkerRank::from_variables(|name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
            })
        };
        let one =
            |rank: &[(&str, &str)]| from_variables(rank).map(|share| (share.rank, share.world));
        assert_eq!(one(&[]).unwrap(), (0, 1));
        assert_eq!(one(&[("RANK", "3")]).unwrap(), (0, 1));
        let slurm = [("RANK", "3"), ("SLURM_PROCID", "1"), ("SLURM_NTASKS", "2")];
        assert_eq!(one(&slurm).unwrap(), (1, 2));
        let error = one(&[("RANK", "2"), ("WORLD_SIZE", "2")]).unwrap_err().to_string();
        assert!(error.contains("RANK and WORLD_SIZE: rank 2 of 2"), "{error}");
        assert!(one(&[("PMI_RANK", "x"), ("PMI_SIZE", "2")]).is_err());
    }
}
