//! Where networks run: leaves of simulations spread over the threads of a CPU.
