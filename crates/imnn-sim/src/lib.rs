//! Stateless random keys, simulators with exact derivatives, and built-in simulators.

mod real;

pub use real::Real;
