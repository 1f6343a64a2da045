//! Helpers shared by the cross-crate tests: golden files and comparison.
