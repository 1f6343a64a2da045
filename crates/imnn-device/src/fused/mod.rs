//! Plans as commands for a GPU.

#[cfg(test)]
mod agreement {
    mod card;
}
#[cfg(any(test, feature = "cuda"))]
pub(crate) mod lower;
