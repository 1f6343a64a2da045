//! Loops over activations, compiled for each instruction set and each function; each call chooses among them. Without vector
//! instructions the functions come from their definition.

use imnn_compute::Number;
use imnn_models::Activation;
use imnn_models::activations::{Function, Visitor};
use pulp::{Arch, Simd, WithSimd};
use std::marker::PhantomData;

/// A way over the tensors, for any activation.
pub(super) trait Pass {
    /// Runs with this function; to be inlined where the instruction set is known.
    fn run<F: Form>(self);
}

/// A function in one of its two forms.
pub(super) trait Form {
    /// `f`, `f'` and `f''` of one number.
    fn derivatives<E: Number>(v: E) -> [E; 3];
}

/// Runs a pass with the vector instructions of this machine, else with the definition of the activation.
pub(super) fn run(activation: Activation, pass: impl Pass) {
    activation.visit(Run(pass));
}

struct Run<P>(P);

impl<P: Pass> Visitor for Run<P> {
    type Output = ();

    fn visit<F: Function>(self) {
        let arch = Arch::new();
        if matches!(arch, Arch::Scalar) {
            self.0.run::<Definition<F>>();
        } else {
            arch.dispatch(Vectorised { pass: self.0, f: PhantomData::<F> });
        }
    }
}

/// [`Function::derivatives`].
pub(super) struct Definition<F>(PhantomData<F>);

impl<F: Function> Form for Definition<F> {
    #[inline(always)]
    fn derivatives<E: Number>(v: E) -> [E; 3] {
        F::derivatives(v)
    }
}

/// [`Function::vector`].
struct Vectors<F>(PhantomData<F>);

impl<F: Function> Form for Vectors<F> {
    #[inline(always)]
    fn derivatives<E: Number>(v: E) -> [E; 3] {
        F::vector(v)
    }
}

struct Vectorised<P, F> {
    pass: P,
    f: PhantomData<F>,
}

impl<P: Pass, F: Function> WithSimd for Vectorised<P, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.pass.run::<Vectors<F>>();
    }
}
