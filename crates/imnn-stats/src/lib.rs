//! Fisher information, covariance, regularisation, loss with exact gradients and quasi-maximum-likelihood estimates.
