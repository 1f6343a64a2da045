//! Plots of training histories, as PNG and SVG.
