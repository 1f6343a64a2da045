//! A card of NVIDIA's: memory, copies, kernels and graphs by the driver, matrix products by cuBLAS.
//!
//! All work is ordered on one stream; what is sent to it meanwhile goes on another (`copies.rs`). A sequence is run command
//! by command the first time, when libraries may still allocate, captured as a graph the second time, in two lanes
//! (`lanes.rs`), and replayed from then on.

use super::copies::Copies;
use super::{compile, report, roofline};
use crate::commands::{Backend, Command, Done, Span, kernels};
use crate::error::{DeviceError, Result};
use cudarc::cublas::{result as blas, sys as blas_sys};
use cudarc::driver::{CudaContext, CudaGraph, CudaStream, result, sys};
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that cuBLAS works in; given to it, so that it takes none while a graph is captured.
const WORKSPACE: usize = 32 << 20;

/// Held while a graph is captured, and by what waits for a whole card: the sessions of a card share it, and none of them
/// may wait for it while another one captures.
static CAPTURE: Mutex<()> = Mutex::new(());

pub(super) fn alone() -> MutexGuard<'static, ()> {
    CAPTURE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One card, as one session uses it.
pub(super) struct Card {
    device: usize,
    /// Bytes of a number.
    pub(super) size: usize,
    pub(super) tf32: bool,
    context: Arc<CudaContext>,
    /// The first is that of all work; the second is beside it where graphs are captured.
    pub(super) lanes: [Lane; 2],
    copies: Copies,
    module: sys::CUmodule,
    pub(super) functions: HashMap<&'static str, sys::CUfunction>,
    /// Address and bytes.
    memories: Vec<Option<(sys::CUdeviceptr, usize)>>,
    sequences: Vec<Option<Sequence>>,
}

/// A stream, and what makes products on it.
pub(super) struct Lane {
    pub(super) stream: Arc<CudaStream>,
    pub(super) blas: blas_sys::cublasHandle_t,
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

    pub(super) fn error(&self, action: &str, error: impl Debug) -> DeviceError {
        DeviceError::Gpu { device: self.device, action: action.into(), message: text(error) }
    }

    fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().map_err(|error| self.error("be made current", error))
    }

    fn address(&self, memory: usize) -> sys::CUdeviceptr {
        self.memories.get(memory).copied().flatten().map_or(0, |(address, _)| address)
    }

    /// Where a span of numbers of so many bytes lies.
    pub(super) fn place(&self, span: Span, size: usize) -> Result<sys::CUdeviceptr> {
        let memory = self.memories.get(span.memory).copied().flatten();
        let end = span.start.checked_add(span.len).and_then(|end| end.checked_mul(size));
        match (memory, end) {
            (Some((address, bytes)), Some(end)) if end <= bytes => Ok(address + (span.start * size) as u64),
            (Some((_, bytes)), _) => Err(self.error("find its memory", format!("{span:?} of {bytes} bytes"))),
            (None, _) => Err(self.error("find its memory", format!("{span:?} was given back"))),
        }
    }

    pub(super) fn stream(&self) -> &Arc<CudaStream> {
        &self.lanes[0].stream
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

pub(super) fn text(error: impl Debug) -> String {
    format!("{error:?}")
}
