//! The program `imnn`.

fn main() {}
