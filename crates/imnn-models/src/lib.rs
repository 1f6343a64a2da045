//! Networks with exact tangents: layers, parameters, initialisers, dfdx autodiff and optimisers.
