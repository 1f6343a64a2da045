//! Tests of `imnn-data` from outside.

#![allow(clippy::unwrap_used)]

/// Whatever the bytes of a file are, reading answers with an array or an error.
mod corrupt;
/// Files written by numpy are read, and refused where they do not hold real numbers.
mod numpy;
/// Files written here are read back.
mod written;
