//! Copies to a card from memory of the host that the driver keeps where it is, so that the card copies by itself.
//!
//! ```text
//! stream of copies    send k+1 ......          send k+2 ......
//! stream of work      take k, work on k ...... take k+1, work on k+1 ......
//! ```
//!
//! What is sent waits for what was taken before, what is taken for what was sent before; a buffer is filled again when
//! what was copied from it is done.

use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError, result, sys};
use std::sync::Arc;

/// Bytes of each of the buffers that small things go through.
const PASSAGE: usize = 4 << 20;

/// Buffers of the host, and the stream that copies from them beside the work.
pub(super) struct Copies {
    work: Arc<CudaStream>,
    copies: Arc<CudaStream>,
    /// The last that was sent, and the last that was taken.
    sent: CudaEvent,
    taken: CudaEvent,
    buffers: Vec<Option<Buffer>>,
    /// What small things go through, in turn, if the host has it, and which is next.
    passages: Option<[usize; 2]>,
    turn: usize,
}

/// Memory of the host, whose bytes are numbers at all times.
struct Buffer {
    address: *mut u8,
    bytes: usize,
    /// The last copies from it or to it, on the stream of the work and on that of copies.
    copied: [CudaEvent; 2],
}

impl Copies {
    pub(super) fn new(context: &Arc<CudaContext>, work: Arc<CudaStream>) -> Result<Self, DriverError> {
        let (sent, taken) = (context.new_event(None)?, context.new_event(None)?);
        let (buffers, passages) = (vec![], None);
        let mut own = Copies { work, copies: context.new_stream()?, sent, taken, buffers, passages, turn: 0 };
        if let (Some(one), Some(other)) = (own.pin(PASSAGE)?, own.pin(PASSAGE)?) {
            own.passages = Some([one, other]);
        }
        Ok(own)
    }

    /// A buffer of zeros; none if the host has no such memory.
    #[allow(unsafe_code)]
    pub(super) fn pin(&mut self, bytes: usize) -> Result<Option<usize>, DriverError> {
        let context = self.work.context();
        context.bind_to_thread()?;
        let copied = [context.new_event(None)?, context.new_event(None)?];
        // SAFETY: the context is current; the memory is freed once, by `Buffer::free`.
        let address: *mut u8 = match unsafe { result::malloc_host(bytes.max(1), 0) } {
            Ok(address) => address.cast(),
            Err(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => return Ok(None),
            Err(error) => return Err(error),
        };
        // SAFETY: so many bytes were allocated, and nobody else knows of them yet.
        unsafe { address.write_bytes(0, bytes) };
        self.buffers.push(Some(Buffer { address, bytes, copied }));
        Ok(Some(self.buffers.len() - 1))
    }

    pub(super) fn unpin(&mut self, buffer: usize) -> Result<(), DriverError> {
        self.wait()?;
        self.buffers.get_mut(buffer).and_then(Option::take).map_or(Ok(()), Buffer::free)
    }

    /// A buffer from which nothing is being copied.
    #[allow(unsafe_code)]
    pub(super) fn pinned(&mut self, buffer: usize) -> Result<&mut [u8], DriverError> {
        let Some(buffer) = self.buffers.get_mut(buffer).and_then(Option::as_mut) else { return Err(unknown()) };
        buffer.copied.iter().try_for_each(CudaEvent::synchronize)?;
        // SAFETY: the memory is that of the buffer, all of it was written when it was allocated, and it lives until the
        // buffer is freed, which takes `self`. The card has read what it was asked to copy, and no copy is begun while
        // `self` is borrowed.
        Ok(unsafe { std::slice::from_raw_parts_mut(buffer.address, buffer.bytes) })
    }

    /// Copies from a buffer to the address of a stage.
    pub(super) fn send(&mut self, buffer: usize, stage: sys::CUdeviceptr, bytes: usize) -> Result<(), DriverError> {
        self.copies.wait(&self.taken)?;
        self.copy_on(&self.copies, 1, buffer, stage, bytes)?;
        self.sent.record(&self.copies)
    }

    /// Copies from the address of a stage to another one on the card.
    #[allow(unsafe_code)]
    pub(super) fn take(
        &mut self,
        stage: sys::CUdeviceptr,
        to: sys::CUdeviceptr,
        bytes: usize,
    ) -> Result<(), DriverError> {
        self.work.wait(&self.sent)?;
        // SAFETY: the caller gives addresses of so many bytes that are alive; memory is freed when both streams are done.
        unsafe { result::memcpy_dtod_async(to, stage, bytes, self.work.cu_stream()) }?;
        self.taken.record(&self.work)
    }

    /// Copies from a buffer to an address, in order with the work.
    pub(super) fn copy(&mut self, buffer: usize, to: sys::CUdeviceptr, bytes: usize) -> Result<(), DriverError> {
        self.copy_on(&self.work, 0, buffer, to, bytes)
    }

    #[allow(unsafe_code)]
    fn copy_on(
        &self,
        stream: &CudaStream,
        which: usize,
        buffer: usize,
        to: sys::CUdeviceptr,
        bytes: usize,
    ) -> Result<(), DriverError> {
        let Some(buffer) = self.buffers.get(buffer).and_then(Option::as_ref) else { return Err(unknown()) };
        if bytes > buffer.bytes {
            return Err(unknown());
        }
        // SAFETY: the buffer has so many bytes, all of them written, and is neither changed nor freed before the event
        // that is recorded behind the copy; the caller gives an address of so many bytes that are alive.
        let sent = unsafe {
            let bytes = std::slice::from_raw_parts(buffer.address, bytes);
            result::memcpy_htod_async(to, bytes, stream.cu_stream())
        };
        let noted = buffer.copied[which].record(stream);
        if noted.is_err() {
            // Nobody could tell any more when the buffer may be filled.
            self.wait()?;
        }
        sent.and(noted)
    }

    /// Copies bytes that may be changed on return to an address, in order with the work. Says whether it could.
    pub(super) fn upload(&mut self, to: sys::CUdeviceptr, bytes: &[u8]) -> Result<bool, DriverError> {
        let Some(passages) = self.passages else { return Ok(false) };
        for (k, piece) in bytes.chunks(PASSAGE).enumerate() {
            let passage = passages[self.turn];
            self.turn = 1 - self.turn;
            self.pinned(passage)?[..piece.len()].copy_from_slice(piece);
            self.copy(passage, to + (k * PASSAGE) as u64, piece.len())?;
        }
        Ok(true)
    }

    /// Fills bytes from an address, behind the work. Says whether it could.
    pub(super) fn download(&mut self, from: sys::CUdeviceptr, bytes: &mut [u8]) -> Result<bool, DriverError> {
        let Some([passage, _]) = self.passages else { return Ok(false) };
        for (k, piece) in bytes.chunks_mut(PASSAGE).enumerate() {
            self.fill(passage, from + (k * PASSAGE) as u64, piece.len())?;
            piece.copy_from_slice(&self.pinned(passage)?[..piece.len()]);
        }
        Ok(true)
    }

    /// Copies from an address to a buffer, behind the work.
    #[allow(unsafe_code)]
    fn fill(&mut self, buffer: usize, from: sys::CUdeviceptr, bytes: usize) -> Result<(), DriverError> {
        let Some(to) = self.pinned(buffer)?.get_mut(..bytes).map(|to| &raw mut *to) else { return Err(unknown()) };
        let work = &self.work;
        // SAFETY: nothing else is copied from or to the buffer, which is neither looked at nor freed before the event that
        // is recorded behind the copy; the caller gives an address of so many bytes that are alive.
        let sent = unsafe { result::memcpy_dtoh_async(&mut *to, from, work.cu_stream()) };
        let noted = match self.buffers.get(buffer).and_then(Option::as_ref) {
            Some(buffer) => buffer.copied[0].record(work),
            None => Err(unknown()),
        };
        if noted.is_err() {
            self.wait()?;
        }
        sent.and(noted)
    }

    /// Gives all buffers back.
    pub(super) fn end(&mut self) {
        // Errors cannot be told any more, and what is lost ends with the program.
        let _ = self.work.context().bind_to_thread();
        let _ = self.wait();
        for buffer in self.buffers.drain(..).flatten() {
            let _ = buffer.free();
        }
    }

    /// Waits for both streams.
    pub(super) fn wait(&self) -> Result<(), DriverError> {
        self.work.synchronize().and(self.copies.synchronize())
    }
}

impl Buffer {
    #[allow(unsafe_code)]
    fn free(self) -> Result<(), DriverError> {
        // SAFETY: it was allocated by `pin`, is freed once since this takes it, and both streams are done with it.
        unsafe { result::free_host(self.address.cast()) }
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.end();
    }
}

/// A buffer that there is not, or that is shorter.
fn unknown() -> DriverError {
    DriverError(sys::CUresult::CUDA_ERROR_INVALID_VALUE)
}
