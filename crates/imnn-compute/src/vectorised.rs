//! Functions whose loops use the widest vector instructions that the processor has.

/// Functions of slices of one [`Number`](crate::Number) type, compiled once for each instruction set; a call chooses among
/// them.
///
/// ```
/// imnn_compute::vectorised! {
///     /// `y += a x`.
///     fn add_scaled<'a, E>(y: &'a mut [E], a: E, x: &'a [E]) {
///         y.iter_mut().zip(x).for_each(|(y, &x)| *y += a * x);
///     }
/// }
/// let mut y = [1.0, 2.0];
/// add_scaled(&mut y, 2.0, &[10.0, 20.0]);
/// assert_eq!(y, [21.0, 42.0]);
/// ```
///
/// `pulp` dispatches to a closure too, but the compiler may then put the closure's body into a function of its own, which
/// knows nothing of the instructions that were chosen: such loops ran at a quarter of the speed. What is inlined into
/// `with_simd` for certain is its own body. So a function becomes a struct of its arguments, and its body that method.
#[macro_export]
macro_rules! vectorised {
    ($(
        $(#[$doc:meta])*
        $visible:vis fn $name:ident<$life:lifetime, $E:ident>($($argument:ident: $type:ty),* $(,)?) $body:block
    )*) => {$(
        $(#[$doc])*
        $visible fn $name<$life, $E: $crate::Number>($($argument: $type),*) {
            struct Loops<$life, $E> {
                $($argument: $type),*
            }
            impl<$life, $E: $crate::Number> $crate::pulp::WithSimd for Loops<$life, $E> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: $crate::pulp::Simd>(self, _: S) {
                    let Loops { $($argument),* } = self;
                    $body
                }
            }
            $crate::pulp::Arch::new().dispatch(Loops { $($argument),* });
        }
    )*};
}
