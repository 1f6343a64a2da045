//! Runnable programs, one per use of `imnn`: see the folder `examples/`.
