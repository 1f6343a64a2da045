//! Learning rates that change.

use super::range::{check, not_negative, positive};
use crate::error::{ModelError, Result};
use crate::settings::{Setting, settings, table, table_of};
use imnn_io::nearest::advice;
use imnn_io::{ConfigError, Item};
use std::f64::consts::PI;
use toml::Value;

/// A learning rate as a function of the iteration i, which counts from 0.
///
/// ```
/// use imnn_models::Schedule;
/// let schedule = Schedule::Cosine { start: 3e-3, iterations: 3000, end: 0.0 };
/// assert_eq!(schedule.rate(0), 3e-3);
/// assert!((schedule.rate(1500) - 1.5e-3).abs() < 1e-15);
/// assert_eq!(schedule.rate(5000), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// Always the same.
    Constant(f64),
    /// Half a cosine from `start` to `end`, then `end` (Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5, one period).
    ///
    /// ```text
    /// end + (start - end) (1 + cos(pi min(i / iterations, 1))) / 2
    /// ```
    Cosine {
        /// Rate at the beginning.
        start: f64,
        /// Where `end` is reached.
        iterations: u64,
        /// Rate from there on.
        end: f64,
    },
    /// `start * factor^(i / iterations)`: multiplied by `factor` over each `iterations`.
    Exponential {
        /// Rate at the beginning.
        start: f64,
        /// What it is multiplied by, positive.
        factor: f64,
        /// Over how many iterations.
        iterations: u64,
    },
    /// `rates[k]` from iteration `at[k - 1]` on.
    Piecewise {
        /// The rates, one more than `at`.
        rates: Vec<f64>,
        /// Where the next rate begins, increasing.
        at: Vec<u64>,
    },
    /// `start * factor^k` after k of the steps `at`.
    Steps {
        /// Rate at the beginning.
        start: f64,
        /// What it is multiplied by at each step, positive.
        factor: f64,
        /// The iterations of the steps, increasing.
        at: Vec<u64>,
    },
    /// A straight rise to the first rate of `then` over `iterations`, then `then`, which counts from there.
    ///
    /// ```text
    /// then(0) (i + 1) / iterations   for i < iterations,   else   then(i - iterations)
    /// ```
    WarmUp {
        /// Length of the rise.
        iterations: u64,
        /// What follows.
        then: Box<Schedule>,
    },
}

impl Default for Schedule {
    /// Always 1e-3.
    fn default() -> Self {
        Schedule::Constant(1e-3)
    }
}

impl From<f64> for Schedule {
    fn from(rate: f64) -> Self {
        Schedule::Constant(rate)
    }
}

impl Schedule {
    /// The learning rate of iteration `i`.
    pub fn rate(&self, i: u64) -> f64 {
        match self {
            Schedule::Constant(rate) => *rate,
            Schedule::Cosine { start, iterations, end } => {
                if i >= *iterations {
                    return *end;
                }
                let phase = i as f64 / *iterations as f64;
                end + (start - end) * 0.5 * (1.0 + (PI * phase).cos())
            }
            Schedule::Exponential { start, factor, iterations } => start * factor.powf(i as f64 / *iterations as f64),
            Schedule::Piecewise { rates, at } => rates[steps_before(at, i)],
            Schedule::Steps { start, factor, at } => start * factor.powf(steps_before(at, i) as f64),
            Schedule::WarmUp { iterations, then } => {
                if i < *iterations {
                    then.rate(0) * (i + 1) as f64 / *iterations as f64
                } else {
                    then.rate(i - iterations)
                }
            }
        }
    }

    /// The schedule as it is, if all its numbers are in range.
    ///
    /// # Errors
    /// [`ModelError::Setting`] with the first number that is not.
    pub fn checked(self) -> Result<Self> {
        self.check()?;
        Ok(self)
    }

    /// Refuses numbers that are out of range.
    pub(super) fn check(&self) -> Result<()> {
        self.check_nested(0)
    }

    fn check_nested(&self, depth: usize) -> Result<()> {
        match self {
            Schedule::Constant(rate) => {
                not_negative("learning_rate", *rate)?;
            }
            Schedule::Cosine { start, iterations, end } => {
                not_negative("start", *start)?;
                not_negative("end", *end)?;
                at_least_one(*iterations)?;
            }
            Schedule::Exponential { start, factor, iterations } => {
                not_negative("start", *start)?;
                positive("factor", *factor)?;
                // A factor above 1 would end in infinity.
                check("factor", *factor, *factor <= 1.0, "at most 1")?;
                at_least_one(*iterations)?;
            }
            Schedule::Piecewise { rates, at } => {
                rates.iter().try_for_each(|rate| not_negative("rates", *rate))?;
                increasing(at)?;
                if rates.len() != at.len() + 1 {
                    return Err(ModelError::Setting {
                        setting: "the number of rates",
                        value: rates.len() as f64,
                        range: "one more than the number of iterations in at",
                    });
                }
            }
            Schedule::Steps { start, factor, at } => {
                not_negative("start", *start)?;
                positive("factor", *factor)?;
                check("factor", *factor, *factor <= 1.0, "at most 1")?;
                increasing(at)?;
            }
            Schedule::WarmUp { iterations, then } => {
                at_least_one(*iterations)?;
                // Nested rises are harmless; a limit keeps a hostile file from exhausting the stack.
                let setting = "nesting of warm_up";
                check(setting, depth as f64, depth < MAX_NESTING, "below 8")?;
                then.check_nested(depth + 1)?;
            }
        }
        Ok(())
    }
}

/// How deep a rise may lie in a rise.
const MAX_NESTING: usize = 8;

/// How many of the iterations `at` have come.
fn steps_before(at: &[u64], i: u64) -> usize {
    at.partition_point(|&step| step <= i)
}

fn at_least_one(iterations: u64) -> Result<()> {
    check("iterations", iterations as f64, iterations > 0, "at least 1")
}

fn increasing(at: &[u64]) -> Result<()> {
    let fall = at.windows(2).find(|pair| pair[0] >= pair[1]);
    fall.map_or(Ok(()), |pair| check("at", pair[1] as f64, false, "larger than the iteration before it"))
}

/// The list of the schedules that run files can name, with their settings: an example after `:`, a default after `=`.
macro_rules! forms {
    ($($name:ident: $schedule:ident { $($key:ident $(: $example:literal)? $(= $default:expr)?),* };)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn read_form(name: &str, settings: &Item<'_>) -> Result<Schedule, ConfigError> {
            $(
                if name == stringify!($name) {
                    let table = table_of(settings, &[$(stringify!($key)),*])?;
                    return Ok(Schedule::$schedule {
                        $($key: settings!(@read table $key $(: $example)? $(= $default)?)),*
                    });
                }
            )*
            Err(settings.invalid(format!("unknown schedule {name:?}; {}", advice(name, NAMES))))
        }

        fn write_form(schedule: &Schedule) -> Value {
            match schedule {
                Schedule::Constant(rate) => rate.write(),
                $(Schedule::$schedule { $($key),* } => {
                    table([(stringify!($name), table([$((stringify!($key), $key.write())),*]))])
                })*
            }
        }
    };
}

forms! {
    cosine: Cosine { start: "1e-3", iterations: "1000", end = 0.0 };
    exponential: Exponential { start: "1e-3", factor: "0.1", iterations: "1000" };
    piecewise: Piecewise { rates: "[1e-3, 1e-4, 1e-5]", at: "[1000, 2000]" };
    steps: Steps { start: "1e-3", factor: "0.1", at: "[1000, 2000]" };
    warm_up: WarmUp { iterations: "1000", then: "1e-3" };
}

/// A number is a constant rate.
impl Setting for Schedule {
    fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
        let example = "{ cosine = { start = 3e-3, iterations = 3000 } }";
        let Some(table) = item.as_section() else {
            let error = |_| item.wrong_type(&format!("a finite number or a schedule such as {example}"));
            return item.read().map(Schedule::Constant).map_err(error);
        };
        let keys: Vec<&str> = table.keys().collect();
        match (&keys[..], keys.first().and_then(|name| table.item(name))) {
            ([name], Some(settings)) => read_form(name, &settings),
            _ => {
                let found = keys.len();
                Err(item.invalid(format!("expected one schedule, found {found} keys; write for instance {example}")))
            }
        }
    }

    fn write(&self) -> Value {
        write_form(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    fn close(schedule: &Schedule, values: &[(u64, f64)]) {
        for &(i, expected) in values {
            assert_relative_eq!(schedule.rate(i), expected, max_relative = 1e-12, epsilon = 1e-15);
        }
    }

    #[test]
    fn values() {
        close(&0.25.into(), &[(0, 0.25), (u64::MAX, 0.25)]);
        let cosine = Schedule::Cosine { start: 3.0, iterations: 100, end: 1.0 };
        close(&cosine, &[(0, 3.0), (25, 2.0 + 0.5_f64.sqrt()), (50, 2.0), (100, 1.0), (u64::MAX, 1.0)]);
        let exponential = Schedule::Exponential { start: 2.0, factor: 0.25, iterations: 10 };
        close(&exponential, &[(0, 2.0), (5, 1.0), (10, 0.5), (20, 0.125)]);
        let piecewise = Schedule::Piecewise { rates: vec![1.0, 0.3, 0.2], at: vec![10, 20] };
        close(&piecewise, &[(0, 1.0), (9, 1.0), (10, 0.3), (19, 0.3), (20, 0.2), (1000, 0.2)]);
        let steps = Schedule::Steps { start: 1.0, factor: 0.1, at: vec![10, 20] };
        close(&steps, &[(9, 1.0), (10, 0.1), (20, 0.01)]);
        let warm_up = Schedule::WarmUp { iterations: 4, then: Box::new(cosine) };
        close(&warm_up, &[(0, 0.75), (1, 1.5), (3, 3.0), (4, 3.0), (54, 2.0), (104, 1.0)]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refuse = |schedule: Schedule, message: &str| {
            assert_eq!(schedule.checked().unwrap_err().to_string(), message);
        };
        refuse(Schedule::Cosine { start: 1.0, iterations: 0, end: 0.0 }, "iterations is 0, it must be at least 1");
        refuse(
            Schedule::Cosine { start: 1.0, iterations: 5, end: f64::NAN },
            "end is NaN, it must be finite and not negative",
        );
        refuse(Schedule::Exponential { start: 1.0, factor: 2.0, iterations: 5 }, "factor is 2, it must be at most 1");
        refuse(
            Schedule::Piecewise { rates: vec![1.0], at: vec![5] },
            "the number of rates is 1, it must be one more than the number of iterations in at",
        );
        refuse(
            Schedule::Piecewise { rates: vec![], at: vec![] },
            "the number of rates is 0, it must be one more than the number of iterations in at",
        );
        refuse(
            Schedule::Steps { start: 1.0, factor: 0.5, at: vec![5, 5] },
            "at is 5, it must be larger than the iteration before it",
        );
        let mut nested = Schedule::Constant(1.0);
        for _ in 0..10 {
            nested = Schedule::WarmUp { iterations: 1, then: Box::new(nested) };
        }
        refuse(nested, "nesting of warm_up is 8, it must be below 8");
        let warm_up = Schedule::WarmUp { iterations: 5, then: Box::new(Schedule::Constant(-1.0)) };
        refuse(warm_up, "learning_rate is -1, it must be finite and not negative");
    }
}
