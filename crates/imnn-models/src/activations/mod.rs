//! Activations: functions of each number with their first and second derivatives. One file each, and one word in the list.

mod function;
mod logistic;

pub use function::{CudaCase, Function, Visitor};

use imnn_sim::Real;

/// The list, in the order of the documentation; gives it to the macro `$use`.
macro_rules! with_activations {
    ($use:ident) => {
        $use! {
            relu: Relu;
            leaky_relu: LeakyRelu;
            tanh: Tanh;
            sigmoid: Sigmoid;
            softplus: Softplus;
            elu: Elu;
            gelu: Gelu;
            selu: Selu;
            exp: Exp;
            asinh: Asinh;
            log1p: Log1p;
            identity: Identity;
        }
    };
}
pub(crate) use with_activations;

macro_rules! enumeration {
    ($($file:ident: $variant:ident;)*) => {
        $(mod $file;)*
        $(pub use $file::$variant;)*

        /// A function applied to each number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Activation {
            $(
                #[doc = concat!("[`struct@", stringify!($variant), "`].")]
                $variant,
            )*
        }

        impl Activation {
            /// Every activation, in the order of the documentation.
            pub const ALL: [Activation; [$(stringify!($variant)),*].len()] = [$(Activation::$variant),*];

            /// The name in run files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Activation::$variant => $variant::NAME,)*
                }
            }

            /// The formula in one line.
            pub fn formula(self) -> &'static str {
                match self {
                    $(Activation::$variant => $variant::FORMULA,)*
                }
            }

            /// `f(v)`, `f'(v)` and `f''(v)`.
            #[inline]
            pub fn with_derivatives<E: Real>(self, v: E) -> [E; 3] {
                match self {
                    $(Activation::$variant => $variant::derivatives(v),)*
                }
            }

            /// Gives the function, with its type, to a visitor.
            pub fn visit<V: Visitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Activation::$variant => visitor.visit::<$variant>(),)*
                }
            }

            /// Whether the curvature is zero everywhere, so that values do not feel the tangents' gradients.
            pub fn is_piecewise_linear(self) -> bool {
                match self {
                    $(Activation::$variant => $variant::PIECEWISE_LINEAR,)*
                }
            }

            fn cuda(self) -> CudaCase {
                match self {
                    $(Activation::$variant => $variant::cuda(),)*
                }
            }
        }
    };
}

with_activations!(enumeration);

impl Activation {
    /// `f(v)`.
    ///
    /// ```
    /// use imnn_models::Activation;
    /// assert_eq!(Activation::LeakyRelu.value(-2.0_f64), -0.02);
    /// assert_eq!(Activation::Tanh.value(800.0_f64), 1.0);
    /// ```
    #[inline]
    pub fn value<E: Real>(self, v: E) -> E {
        self.with_derivatives(v)[0]
    }

    /// `f'(v)`.
    #[inline]
    pub fn slope<E: Real>(self, v: E) -> E {
        self.with_derivatives(v)[1]
    }

    /// `f''(v)`.
    #[inline]
    pub fn curvature<E: Real>(self, v: E) -> E {
        self.with_derivatives(v)[2]
    }

    /// The number by which GPU kernels know it: its place in [`Activation::ALL`].
    pub fn code(self) -> u32 {
        self as u32
    }
}

/// All activations as functions in C, for GPU kernels: `kink(f, v)` and `kink_slope(f, v)` of the piecewise linear ones,
/// and `smooth(f, v)`, which gives the struct `Derivatives { value, slope, curvature }`; `f` is [`Activation::code`].
///
/// The text is to stand behind definitions of `REAL`, the type of numbers, and `INLINE`.
pub fn cuda_source() -> String {
    let [mut value, mut slope, mut smooth] = [const { String::new() }; 3];
    for activation in Activation::ALL {
        let (code, name) = (activation.code(), activation.name());
        match activation.cuda() {
            CudaCase::Kink(expressions) => {
                for (cases, expression) in [&mut value, &mut slope].into_iter().zip(expressions) {
                    *cases += &format!("    case {code}: // {name}\n        return {expression};\n");
                }
            }
            CudaCase::Smooth(text) => {
                smooth += &format!("    case {code}: {{ // {name}\n{text}\n        break;\n    }}\n")
            }
        }
    }
    // What no case sets must not pass for a result.
    let nothing = "d.value = d.slope = d.curvature = sqrt((REAL)-1);";
    format!(
        "{}
INLINE REAL kink(unsigned f, REAL v) {{\n    switch (f) {{\n{value}    }}\n    return v;\n}}\n
INLINE REAL kink_slope(unsigned f, REAL v) {{\n    switch (f) {{\n{slope}    }}\n    return 1;\n}}\n
struct Derivatives {{\n    REAL value, slope, curvature;\n}};\n
INLINE Derivatives smooth(unsigned f, REAL v) {{
    Derivatives d;\n    {nothing}\n    switch (f) {{\n{smooth}    }}\n    return d;\n}}\n",
        logistic::CUDA
    )
}

#[cfg(test)]
mod tests;
