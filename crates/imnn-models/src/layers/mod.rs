//! Layers: what networks are made of. One file each, and one word in the list below.
//!
//! The file of a layer has its settings, its function for networks written in Rust, how run files write it, and how it is
//! built of [primitives](crate::Primitive); every engine runs it then.

pub(crate) mod activation;
pub(crate) mod custom;
mod listed;
mod window;

pub use window::Window;

use crate::activations::Activation;
use crate::catalogue::{self, Catalogued};
use crate::layer::Layer;
use listed::Listing;
pub(crate) use listed::ReadNetwork;

macro_rules! layers {
    ($($file:ident: $kind:ident, $($function:ident),+;)*) => {
        $(mod $file;)*
        $(pub use $file::$kind;)*

        /// A function for each layer, by its name.
        pub mod functions {
            pub use super::activation::functions::*;
            pub use super::custom::custom;
            $(pub use super::$file::{$($function),+};)*
        }

        $(
            impl From<$kind> for Layer {
                fn from(settings: $kind) -> Self {
                    Layer::new(settings)
                }
            }
        )*

        /// All layers but activations, in the order of the documentation.
        pub(crate) fn listed() -> Vec<Listing> {
            vec![$(Listing::of::<$kind>()),*]
        }
    };
}

// The file, the settings in it, and its functions.
layers! {
    dense: Dense, dense;
    conv: Conv, conv;
    standardise: Standardise, standardise;
    max_pool: MaxPool, max_pool;
    avg_pool: AvgPool, avg_pool;
    reshape: Reshape, reshape;
    slice: Slice, slice;
    parallel: Parallel, concat, sum;
    residual: Residual, residual;
    global_avg_pool: GlobalAvgPool, global_avg_pool;
    global_max_pool: GlobalMaxPool, global_max_pool;
    flatten: Flatten, flatten;
}

/// Every layer that run files can name, activations last.
///
/// ```
/// let layers = imnn_models::layers::catalogue();
/// assert_eq!(layers[0].example, "{ dense = 128 }");
/// ```
pub fn catalogue() -> Vec<Catalogued> {
    let layers = listed().into_iter().map(|Listing { name, about, settings, .. }| Catalogued {
        name,
        about,
        example: settings.map_or_else(|| format!("{name:?}"), |settings| format!("{{ {name} = {settings} }}")),
    });
    let activations = Activation::ALL.into_iter().map(|activation| {
        let (name, about) = (activation.name(), activation.formula());
        Catalogued { name, about, example: format!("{name:?}") }
    });
    layers.chain(activations).collect()
}

/// The layers as lines of a help text: how each is written, and what it does.
pub fn help() -> String {
    catalogue::lines(&catalogue())
}
