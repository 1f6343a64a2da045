//! Functions whose loops become the widest vector instructions that the processor has.

/// Functions of slices over one precision `E`, compiled once for each instruction set; a call chooses among them.
///
/// `pulp` dispatches to a closure too, but the compiler may then put the closure's body into a function of its own, which
/// knows nothing of the instructions that were chosen: such loops ran at a quarter of the speed. What is inlined into
/// `with_simd` for certain is its own body. So a function becomes a struct of its arguments, and its body that method.
macro_rules! vectorised {
    ($(
        $(#[$doc:meta])*
        $visible:vis fn $name:ident<$life:lifetime, $E:ident>($($argument:ident: $type:ty),* $(,)?) $body:block
    )*) => {$(
        $(#[$doc])*
        $visible fn $name<$life, $E: imnn_models::Element>($($argument: $type),*) {
            struct Loops<$life, $E> {
                $($argument: $type),*
            }
            impl<$life, $E: imnn_models::Element> pulp::WithSimd for Loops<$life, $E> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) {
                    let Loops { $($argument),* } = self;
                    $body
                }
            }
            pulp::Arch::new().dispatch(Loops { $($argument),* });
        }
    )*};
}

pub(crate) use vectorised;
