//! A card of NVIDIA's: memory, copies, kernels and graphs by the driver, matrix products by cuBLAS.
//!
//! All work is ordered on one stream; what is sent to it meanwhile goes on another (`copies.rs`). A sequence is run command
//! by command the first time, when libraries may still allocate, captured as a graph the second time, in two lanes
//! (`lanes.rs`), and replayed from then on.

use super::copies::Copies;
use super::{compile, report, roofline};
use crate::commands::lanes::lanes;
use crate::commands::{Argument, Backend, Command, Done, Factor, Product, Span, kernels};
use crate::error::{DeviceError, Result};
use cudarc::cublas::{result as blas, sys as blas_sys};
use cudarc::driver::{CudaContext, CudaGraph, CudaStream, result, sys};
use std::collections::{HashMap, HashSet};
use std::ffi::{CString, c_int, c_void};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that cuBLAS works in; given to it, so that it takes none while a graph is captured.
const WORKSPACE: usize = 32 << 20;

/// Held while a graph is captured, and by what waits for a whole card: the sessions of a card share it, and none of them
/// may wait for it while another one captures.
static CAPTURE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    CAPTURE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One card, as one session uses it.
pub(super) struct Card {
    device: usize,
    /// Bytes of a number.
    size: usize,
    tf32: bool,
    context: Arc<CudaContext>,
    /// The first is that of all work; the second is beside it where graphs are captured.
    lanes: [Lane; 2],
    copies: Copies,
    module: sys::CUmodule,
    functions: HashMap<&'static str, sys::CUfunction>,
    /// Address and bytes.
    memories: Vec<Option<(sys::CUdeviceptr, usize)>>,
    sequences: Vec<Option<Sequence>>,
}

/// A stream, and what makes products on it.
struct Lane {
    stream: Arc<CudaStream>,
    blas: blas_sys::cublasHandle_t,
}

struct Sequence {
    commands: Vec<Command>,
    /// Bytes that they move.
    bytes: u64,
    runs: u32,
    graph: Option<CudaGraph>,
}

// SAFETY: contexts, streams, modules, functions and handles may be used from any thread, one at a time; `Card` is never
// shared (it is not `Sync`, and all its methods take `&mut self`), and each of them makes the context current first.
#[allow(unsafe_code)]
unsafe impl Send for Card {}

impl Card {
    /// Readies a card for numbers of so many bytes.
    ///
    /// # Errors
    /// If it is not there, or refuses.
    #[allow(unsafe_code)]
    pub(super) fn new(device: usize, size: usize, tf32: bool) -> Result<Self> {
        report::check(device)?;
        let failed = |action: &str, message: String| DeviceError::Gpu { device, action: action.into(), message };
        let context = CudaContext::new(device).map_err(|error| failed("start", text(error)))?;
        let waits = alone();
        let new_stream = || context.new_stream().map_err(|error| failed("start a stream", text(error)));
        let streams = [new_stream()?, new_stream()?];
        let copies = Copies::new(&context, streams[0].clone());
        let copies = copies.map_err(|error| failed("ready copies", text(error)))?;
        drop(waits);
        let capability = context.compute_capability().map_err(|error| failed("tell what it is", text(error)))?;
        let code = compile::kernels(size, capability).map_err(|message| failed("get its kernels", message))?;
        // SAFETY: the code is a whole cubin, from NVRTC or from a file with the right sum; the context is current.
        let module = unsafe { result::module::load_data(code.as_ptr().cast()) };
        let module = module.map_err(|error| failed("load its kernels", text(error)))?;
        // A handle that could not be made is null, and is not given back.
        let lanes = streams.map(|stream| Lane { stream, blas: std::ptr::null_mut() });
        let (functions, memories, sequences) = Default::default();
        let mut card = Card { device, size, tf32, context, lanes, copies, module, functions, memories, sequences };
        let waits = alone();
        for lane in &mut card.lanes {
            lane.blas = blas::create_handle().map_err(|error| failed("start cuBLAS", text(error)))?;
        }
        drop(waits);
        for name in kernels::names() {
            let symbol = CString::new(name).map_err(|error| failed("name a kernel", error.to_string()))?;
            // SAFETY: the module is loaded, and lives as long as the functions.
            let function = unsafe { result::module::get_function(card.module, symbol) };
            card.functions.insert(name, function.map_err(|error| failed("find a kernel", text(error)))?);
        }
        for k in 0..card.lanes.len() {
            let workspace = card.allocate(WORKSPACE)?;
            let (address, Lane { stream, blas }) = (card.address(workspace), &card.lanes[k]);
            // SAFETY: the handle is alive, as are the stream and the workspace, which go after it.
            let status = unsafe {
                blas_sys::cublasSetStream_v2(*blas, stream.cu_stream().cast())
                    .result()
                    .and_then(|()| blas_sys::cublasSetWorkspace_v2(*blas, address as *mut c_void, WORKSPACE).result())
            };
            status.map_err(|error| failed("set up cuBLAS", text(error)))?;
        }
        Ok(card)
    }

    fn error(&self, action: &str, error: impl Debug) -> DeviceError {
        DeviceError::Gpu { device: self.device, action: action.into(), message: text(error) }
    }

    fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().map_err(|error| self.error("be made current", error))
    }

    fn address(&self, memory: usize) -> sys::CUdeviceptr {
        self.memories.get(memory).copied().flatten().map_or(0, |(address, _)| address)
    }

    /// Where a span of numbers of so many bytes lies.
    fn place(&self, span: Span, size: usize) -> Result<sys::CUdeviceptr> {
        let memory = self.memories.get(span.memory).copied().flatten();
        let end = span.start.checked_add(span.len).and_then(|end| end.checked_mul(size));
        match (memory, end) {
            (Some((address, bytes)), Some(end)) if end <= bytes => Ok(address + (span.start * size) as u64),
            (Some((_, bytes)), _) => Err(self.error("find its memory", format!("{span:?} of {bytes} bytes"))),
            (None, _) => Err(self.error("find its memory", format!("{span:?} was given back"))),
        }
    }

    fn stream(&self) -> &Arc<CudaStream> {
        &self.lanes[0].stream
    }

    fn issue(&self, lane: &Lane, command: &Command) -> Result<()> {
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

    fn capture(&self, commands: &[Command]) -> Result<Option<CudaGraph>> {
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        let _alone = alone();
        self.stream().begin_capture(mode).map_err(|error| self.error("capture a graph", error))?;
        let issued = self.issue_in_lanes(commands);
        // The capture is ended in any case: the stream is of no use before.
        let graph = self.stream().end_capture(sys::CUgraphInstantiate_flags(0));
        issued?;
        graph.map_err(|error| self.error("make a graph", error))
    }

    fn wait(&self) -> Result<()> {
        self.copies.wait().map_err(|error| self.error("finish its work", error))
    }

    /// The address of so many bytes at an offset.
    fn bytes(&self, memory: usize, offset: usize, len: usize) -> Result<sys::CUdeviceptr> {
        self.bind()?;
        self.place(Span { memory, start: offset, len }, 1)
    }
}

impl Backend for Card {
    fn device(&self) -> usize {
        self.device
    }

    fn available(&mut self) -> Result<usize> {
        let (free, _) = self.context.mem_get_info().map_err(|error| self.error("tell its memory", error))?;
        Ok(free)
    }

    #[allow(unsafe_code)]
    fn allocate(&mut self, bytes: usize) -> Result<usize> {
        self.bind()?;
        // SAFETY: the memory is freed by `free` or `drop`, and only reached through its number before.
        match unsafe { result::malloc_sync(bytes.max(1)) } {
            Ok(address) => {
                self.memories.push(Some((address, bytes)));
                Ok(self.memories.len() - 1)
            }
            Err(error) if error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
                Err(DeviceError::OutOfMemory { device: self.device, bytes })
            }
            Err(error) => Err(self.error("allocate memory", error)),
        }
    }

    #[allow(unsafe_code)]
    fn free(&mut self, memory: usize) -> Result<()> {
        self.wait()?;
        match self.memories[memory].take() {
            // SAFETY: it was allocated by `allocate`, is freed once, and nothing that uses it is under way.
            Some((address, _)) => unsafe { result::free_sync(address) }.map_err(|e| self.error("free memory", e)),
            None => Ok(()),
        }
    }

    #[allow(unsafe_code)]
    fn upload(&mut self, memory: usize, offset: usize, bytes: &[u8]) -> Result<()> {
        let address = self.bytes(memory, offset, bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        if self.copies.upload(address, bytes).map_err(|error| self.error("take data", error))? {
            return Ok(());
        }
        // SAFETY: the target lies in memory that is alive; the source lives until the copy is done, which is waited for.
        unsafe { result::memcpy_htod_async(address, bytes, self.stream().cu_stream()) }
            .map_err(|error| self.error("take data", error))?;
        self.wait()
    }

    #[allow(unsafe_code)]
    fn download(&mut self, memory: usize, offset: usize, bytes: &mut [u8]) -> Result<()> {
        let address = self.bytes(memory, offset, bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        if self.copies.download(address, bytes).map_err(|error| self.error("give data", error))? {
            return Ok(());
        }
        // SAFETY: the source lies in memory that is alive; the target lives until the copy is done, which is waited for.
        unsafe { result::memcpy_dtoh_async(bytes, address, self.stream().cu_stream()) }
            .map_err(|error| self.error("give data", error))?;
        self.stream().synchronize().map_err(|error| self.error("finish its work", error))
    }

    fn prepare(&mut self, commands: Vec<Command>) -> Result<usize> {
        let bytes = commands.iter().map(|command| command.bytes(self.size)).sum();
        self.sequences.push(Some(Sequence { commands, bytes, runs: 0, graph: None }));
        Ok(self.sequences.len() - 1)
    }

    fn run(&mut self, sequence: usize) -> Result<()> {
        self.bind()?;
        let Some(mut own) = self.sequences[sequence].take() else {
            return Err(self.error("run a sequence", "it was dropped"));
        };
        let result = (|| {
            if own.runs == 1 && own.graph.is_none() {
                own.graph = self.capture(&own.commands)?;
            }
            own.runs = own.runs.saturating_add(1);
            roofline::add(own.bytes);
            match &own.graph {
                Some(graph) => graph.launch().map_err(|error| self.error("run a graph", error)),
                None => own.commands.iter().try_for_each(|command| self.issue(&self.lanes[0], command)),
            }
        })();
        self.sequences[sequence] = Some(own);
        result
    }

    fn forget(&mut self, sequence: usize) -> Result<()> {
        self.wait()?;
        self.sequences[sequence] = None;
        Ok(())
    }

    fn pin(&mut self, bytes: usize) -> Result<Option<usize>> {
        let _alone = alone();
        self.copies.pin(bytes).map_err(|error| self.error("get memory of the host", error))
    }

    fn unpin(&mut self, buffer: usize) -> Result<()> {
        let _alone = alone();
        self.copies.unpin(buffer).map_err(|error| self.error("give memory of the host back", error))
    }

    fn pinned(&mut self, buffer: usize) -> Result<&mut [u8]> {
        let device = self.device;
        let failed = |error| DeviceError::Gpu { device, action: "finish copies".into(), message: text(error) };
        self.copies.pinned(buffer).map_err(failed)
    }

    fn send(&mut self, buffer: usize, stage: usize, bytes: usize) -> Result<()> {
        let stage = self.bytes(stage, 0, bytes)?;
        self.copies.send(buffer, stage, bytes).map_err(|error| self.error("take data", error))
    }

    fn take(&mut self, stage: usize, memory: usize, offset: usize, bytes: usize) -> Result<()> {
        let (stage, to) = (self.bytes(stage, 0, bytes)?, self.bytes(memory, offset, bytes)?);
        self.copies.take(stage, to, bytes).map_err(|error| self.error("copy data", error))
    }

    fn copy(&mut self, buffer: usize, memory: usize, offset: usize, bytes: usize) -> Result<()> {
        let to = self.bytes(memory, offset, bytes)?;
        self.copies.copy(buffer, to, bytes).map_err(|error| self.error("take data", error))
    }

    fn watch(&mut self) -> Result<Done> {
        let event = self.stream().record_event(None).map_err(|error| self.error("note where it is", error))?;
        // Whoever asks may be a thread that never had to do with the card.
        Ok(Box::new(move || event.context().bind_to_thread().is_ok() && event.is_complete()))
    }
}

impl Drop for Card {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // Errors cannot be told any more, and what is lost ends with the program.
        let _ = self.bind();
        let _ = self.copies.wait();
        self.sequences.clear();
        let _alone = alone();
        self.copies.end();
        // SAFETY: nothing is under way on any stream, and each of these is given back once.
        unsafe {
            for lane in self.lanes.iter().filter(|lane| !lane.blas.is_null()) {
                let _ = blas::destroy_handle(lane.blas);
            }
            for (address, _) in self.memories.drain(..).flatten() {
                let _ = result::free_sync(address);
            }
            let _ = result::module::unload(self.module);
        }
    }
}

fn count(n: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&n.to_ne_bytes());
    bytes
}

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}
