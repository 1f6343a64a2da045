//! Sources of simulations: arrays in memory, npy and npz files, simulators on the fly, and symmetry augmentation.
