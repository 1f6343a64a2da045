//! Coming from the Python package `imnn`: every class, argument and attribute, and what differs.

// Its first example draws a plot.
#![cfg_attr(feature = "plot", doc = include_str!("../../../docs/from-python.md"))]
