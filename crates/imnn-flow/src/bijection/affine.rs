//! The affine bijection.
//!
//! ```text
//! a = r / (1 + |r| / ln 1000)        between 1/1000 and 1000, smooth
//! z = e^a u + m,   ln |dz/du| = a
//! ```
//!
//! The bound on the scale is that of zuko (`MonotonicAffineTransform`).

use imnn_compute::elementary::exp;
use imnn_compute::{Number, vectorised};

/// `ln 1000`.
const LARGEST: f64 = 6.907_755_278_982_137;

/// `1 + |r| / ln 1000`, the divisor of the bound.
#[inline(always)]
fn divisor<E: Number>(r: E) -> E {
    r.abs().mul_add(E::of(1.0 / LARGEST), E::one())
}

vectorised! {
    pub fn forward<'a, E>(u: &'a [E], shift: &'a [E], scale: &'a [E], z: &'a mut [E], log: &'a mut [E]) {
        let n = u.len();
        let (shift, scale, z, log) = (&shift[..n], &scale[..n], &mut z[..n], &mut log[..n]);
        for l in 0..n {
            let a = scale[l] / divisor(scale[l]);
            z[l] = exp(a).mul_add(u[l], shift[l]);
            log[l] += a;
        }
    }

    pub fn inverse<'a, E>(z: &'a [E], shift: &'a [E], scale: &'a [E], u: &'a mut [E], log: &'a mut [E]) {
        let n = z.len();
        let (shift, scale, u, log) = (&shift[..n], &scale[..n], &mut u[..n], &mut log[..n]);
        for l in 0..n {
            let a = scale[l] / divisor(scale[l]);
            u[l] = (z[l] - shift[l]) * exp(-a);
            log[l] += a;
        }
    }

    pub fn backward<'a, E>(
        u: &'a [E],
        scale: &'a [E],
        gz: &'a [E],
        glog: &'a [E],
        gu: &'a mut [E],
        gshift: &'a mut [E],
        gscale: &'a mut [E],
    ) {
        let n = u.len();
        let (scale, gz, glog) = (&scale[..n], &gz[..n], &glog[..n]);
        let (gu, gshift, gscale) = (&mut gu[..n], &mut gshift[..n], &mut gscale[..n]);
        for l in 0..n {
            let t = divisor(scale[l]);
            let stretched = gz[l] * exp(scale[l] / t);
            gu[l] = stretched;
            gshift[l] = gz[l];
            // da/dr = 1 / t^2.
            gscale[l] = stretched.mul_add(u[l], glog[l]) / (t * t);
        }
    }
}
