//! Where simulations come from: a file or folder for each source.

pub(crate) mod arrays;
pub(crate) mod identity;
pub(crate) mod on_the_fly;
pub(crate) mod simulate;
pub(crate) mod streamed;
