//! Data as users have them.

use imnn_sim::Real;
use ndarray::{ArrayBase, ArrayD, ArrayView1, Data, Dimension};

/// Data for a trained network: an array, a view, or numbers one after the other; f32 or f64.
///
/// Arrays and views of any dimension have their own shape, `(*input)` or `(n, *input)`. Slices and vectors, such as what
/// [`Simulator::draw`](imnn_sim::Simulator::draw) returns, are one simulation, row-major.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read as data",
    note = "give an array or a view of ndarray, or a slice or vector with one simulation, of f32 or f64"
)]
pub trait DataArray {
    /// The data in precision `E`. Numbers without a shape take that of one simulation, `input`, if there are as many.
    fn to_array<E: Real>(&self, input: &[usize]) -> ArrayD<E>;
}

impl<T: Real, S: Data<Elem = T>, D: Dimension> DataArray for ArrayBase<S, D> {
    fn to_array<E: Real>(&self, _: &[usize]) -> ArrayD<E> {
        self.mapv(|value| E::of(value.f64())).into_dyn()
    }
}

impl<T: Real> DataArray for [T] {
    fn to_array<E: Real>(&self, input: &[usize]) -> ArrayD<E> {
        let flat: ArrayD<E> = ArrayView1::from(self).to_array(input);
        match self.len() == input.iter().product::<usize>() {
            true => flat.to_shape(input).map(|shaped| shaped.to_owned()).unwrap_or(flat),
            false => flat,
        }
    }
}

impl<T: Real> DataArray for Vec<T> {
    fn to_array<E: Real>(&self, input: &[usize]) -> ArrayD<E> {
        self.as_slice().to_array(input)
    }
}

impl<T: Real, const N: usize> DataArray for [T; N] {
    fn to_array<E: Real>(&self, input: &[usize]) -> ArrayD<E> {
        self.as_slice().to_array(input)
    }
}

impl<A: DataArray + ?Sized> DataArray for &A {
    fn to_array<E: Real>(&self, input: &[usize]) -> ArrayD<E> {
        (**self).to_array(input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, arr1, arr2};

    #[test]
    fn data_of_all_kinds_are_the_same() {
        let image = arr2(&[[1.0_f32, 2.0], [3.0, 0.1]]);
        let expected = image.mapv(f64::from).into_dyn();
        let input = [2, 2];
        assert_eq!(image.to_array::<f64>(&input), expected);
        assert_eq!(image.view().to_array::<f64>(&input), expected);
        assert_eq!(image.clone().into_dyn().to_array::<f64>(&input), expected);
        assert_eq!(vec![1.0_f32, 2.0, 3.0, 0.1].to_array::<f64>(&input), expected);
        // Arrays keep their shape, and so do numbers that are not one simulation.
        assert_eq!(arr1(&[1.0, 2.0, 3.0, 4.0]).to_array::<f32>(&input).shape(), [4]);
        assert_eq!([1.0, 2.0, 3.0].to_array::<f32>(&input).shape(), [3]);
        let (wide, narrow) = (Array2::from_elem((3, 2), 0.1_f64), Array2::from_elem((3, 2), 0.1_f32));
        assert_eq!(wide.to_array::<f32>(&[2]), narrow.into_dyn());
    }
}
