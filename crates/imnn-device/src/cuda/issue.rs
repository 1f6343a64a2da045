//! How a card's commands are issued: launches of kernels, matrix products, and graphs of whole sequences.

use super::card::{Card, Lane, alone};
use crate::commands::lanes::lanes;
use crate::commands::{Argument, Command, Factor, Product, Span, kernels};
use crate::error::Result;
use cudarc::cublas::{result as blas, sys as blas_sys};
use cudarc::driver::{CudaGraph, result, sys};
use std::collections::{HashMap, HashSet};
use std::ffi::{c_int, c_void};

impl Card {
    pub(super) fn issue(&self, lane: &Lane, command: &Command) -> Result<()> {
        match command {
            Command::Launch { kernel, threads, arguments } => self.launch(lane, kernel, *threads, arguments),
            Command::Product(product) => self.product(lane, product),
            Command::Zero(span) => self.zero(lane, *span),
        }
    }

    /// Issues commands in two lanes, both of which begin and end with the stream of all work.
    fn issue_in_lanes(&self, commands: &[Command]) -> Result<()> {
        let steps = lanes(commands, self.size).map_err(|error| self.error("order its work", error))?;
        let failed = |error| self.error("order its work", error);
        let note = |lane: &Lane| lane.stream.record_event(None).map_err(failed);
        let [first, second] = &self.lanes;
        let apart = steps.iter().any(|step| step.lane > 0);
        if apart {
            second.stream.wait(&note(first)?).map_err(failed)?;
        }
        let awaited: HashSet<usize> = steps.iter().filter_map(|step| step.waits).collect();
        let mut done = HashMap::new();
        for step in &steps {
            let lane = &self.lanes[step.lane];
            if let Some(event) = step.waits.and_then(|command| done.get(&command)) {
                lane.stream.wait(event).map_err(failed)?;
            }
            self.issue(lane, &commands[step.command])?;
            if awaited.contains(&step.command) {
                done.insert(step.command, note(lane)?);
            }
        }
        if apart {
            first.stream.wait(&note(second)?).map_err(failed)?;
        }
        Ok(())
    }

    #[allow(unsafe_code)]
    fn launch(&self, lane: &Lane, kernel: &'static str, threads: u32, arguments: &[Argument]) -> Result<()> {
        // A grid without blocks would be refused.
        if threads == 0 {
            return Ok(());
        }
        let function = *self.functions.get(kernel).ok_or_else(|| self.error("find a kernel", kernel))?;
        // Pointers and counts, each in eight bytes, of which a kernel reads the first four for a count.
        let mut values: Vec<[u8; 8]> = vec![count(threads)];
        for argument in arguments {
            values.push(match argument {
                Argument::Numbers(span) => self.place(*span, self.size)?.to_ne_bytes(),
                Argument::Doubles(span) => self.place(*span, size_of::<f64>())?.to_ne_bytes(),
                Argument::Indices(span) => self.place(*span, size_of::<u32>())?.to_ne_bytes(),
                Argument::Count(n) => count(*n),
            });
        }
        let mut pointers: Vec<*mut c_void> = values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
        let (grid, block) = ((threads.div_ceil(kernels::BLOCK), 1, 1), (kernels::BLOCK, 1, 1));
        // SAFETY: the arguments are those of the kernel in number and type, which the emulation of the same commands
        // checks; spans lie in memory that is alive, and no thread leaves its span, which is checked there too.
        unsafe { result::launch_kernel(function, grid, block, 0, lane.stream.cu_stream(), &mut pointers) }
            .map_err(|error| self.error(&format!("run {kernel}"), error))
    }

    /// cuBLAS counts by columns, where a matrix is its transpose: `c^T = b^T a^T`.
    #[allow(unsafe_code)]
    fn product(&self, lane: &Lane, p: &Product) -> Result<()> {
        let int = |n: usize| c_int::try_from(n).map_err(|_| self.error("multiply", format!("{n} is too large")));
        let operation = |factor: Factor| {
            if factor.transposed {
                blas_sys::cublasOperation_t::CUBLAS_OP_T
            } else {
                blas_sys::cublasOperation_t::CUBLAS_OP_N
            }
        };
        let (a, b, c) =
            (self.place(p.a.span, self.size)?, self.place(p.b.span, self.size)?, self.place(p.c, self.size)?);
        let single = self.size == size_of::<f32>();
        let (kind, compute) = match (single, self.tf32) {
            (true, true) => {
                (blas_sys::cudaDataType::CUDA_R_32F, blas_sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32)
            }
            (true, false) => (blas_sys::cudaDataType::CUDA_R_32F, blas_sys::cublasComputeType_t::CUBLAS_COMPUTE_32F),
            (false, _) => (blas_sys::cudaDataType::CUDA_R_64F, blas_sys::cublasComputeType_t::CUBLAS_COMPUTE_64F),
        };
        let (one, beta) = (1.0_f64, f64::from(u8::from(p.accumulate)));
        let (one_single, beta_single) = (one as f32, beta as f32);
        let (alpha, beta): (*const c_void, *const c_void) = match single {
            true => ((&raw const one_single).cast(), (&raw const beta_single).cast()),
            false => ((&raw const one).cast(), (&raw const beta).cast()),
        };
        let algorithm = blas_sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT;
        let (m, n, k) = (int(p.m)?, int(p.n)?, int(p.k)?);
        let (lda, ldb, ldc) = (int(p.a.ld)?, int(p.b.ld)?, int(p.ld)?);
        // SAFETY: the handle is alive; the matrices lie in memory that is alive, and in their spans, which the emulation
        // of the same commands checks; alpha and beta are on the host, of the type of the computation, and read at once.
        unsafe {
            blas::gemm_ex(
                lane.blas,
                operation(p.b),
                operation(p.a),
                n,
                m,
                k,
                alpha,
                b as *const c_void,
                kind,
                ldb,
                a as *const c_void,
                kind,
                lda,
                beta,
                c as *mut c_void,
                kind,
                ldc,
                compute,
                algorithm,
            )
        }
        .map_err(|error| self.error("multiply", error))
    }

    #[allow(unsafe_code)]
    fn zero(&self, lane: &Lane, span: Span) -> Result<()> {
        let address = self.place(span, self.size)?;
        // SAFETY: the span lies in memory that is alive.
        unsafe { result::memset_d8_async(address, 0, span.len * self.size, lane.stream.cu_stream()) }
            .map_err(|error| self.error("clear memory", error))
    }

    pub(super) fn capture(&self, commands: &[Command]) -> Result<Option<CudaGraph>> {
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        let _alone = alone();
        self.stream().begin_capture(mode).map_err(|error| self.error("capture a graph", error))?;
        let issued = self.issue_in_lanes(commands);
        // The capture is ended in any case: the stream is of no use before.
        let graph = self.stream().end_capture(sys::CUgraphInstantiate_flags(0));
        issued?;
        graph.map_err(|error| self.error("make a graph", error))
    }
}

fn count(n: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&n.to_ne_bytes());
    bytes
}
