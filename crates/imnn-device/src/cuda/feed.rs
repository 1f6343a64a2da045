//! Bringing simulations to the card while it is at work.
//!
//! ```text
//! source -> buffer of the host (one of two) -> stage on the card -> place of the batch
//!       read                            send                  take
//! ```
//!
//! While the card works on a batch, the next one is read into a buffer and sent to the stage, both beside the work; taking
//! it to its place, in order with the work, is a copy within the card. What is not read ahead, or has no stage, is copied
//! from the buffer to its place.

use super::layout::{Data, Layout};
use super::read::read;
use crate::commands::{Backend, Done};
use crate::device::Task;
use crate::error::Result;
use crate::shape::Shape;
use imnn_models::Element;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// One is filled while the other is sent.
const BUFFERS: usize = 2;

/// What brings simulations to the card.
pub(crate) struct Feed<E> {
    buffers: Vec<Buffer>,
    /// The bytes of each buffer, and those that the host did not have.
    size: usize,
    refused: usize,
    /// Counts the uses of buffers.
    clock: u64,
    /// The rows of a batch that goes through no buffer.
    rows: Vec<E>,
    reading: Duration,
}

/// A buffer of the host.
struct Buffer {
    number: usize,
    used: u64,
    /// What was read, and whether that failed: reported when the batch is brought, if ever it is.
    holds: Option<(Content, Result<()>)>,
}

/// Which numbers a buffer holds: of which simulations, cut how, which batch.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Content {
    data: Data,
    shape: Shape,
    k: usize,
}

impl<E: Element> Feed<E> {
    pub(crate) fn new() -> Self {
        Feed { buffers: vec![], size: 0, refused: usize::MAX, clock: 0, rows: vec![], reading: Duration::ZERO }
    }

    /// How long the card had nothing to do because simulations were read or made.
    pub(crate) fn reading(&self) -> Duration {
        self.reading
    }

    /// Sees to it that the simulations of batch `k` lie in their place.
    ///
    /// # Errors
    /// If they cannot be read, or could not be when they were read ahead, or the card refuses.
    pub(crate) fn bring<B: Backend>(
        &mut self,
        backend: &mut B,
        layout: &mut Layout,
        task: &Task<'_, E>,
        k: usize,
        pass: u64,
    ) -> Result<()> {
        let data = Data::of(task, Some(pass)).unwrap_or(Data::Pass(pass));
        if layout.input_at(k) == Some((data, k)) {
            return Ok(());
        }
        let place = layout.spans[k].input;
        let (offset, len) = (place.start * size_of::<E>(), place.len * size_of::<E>());
        if let Some(stage) = layout.stage.filter(|_| layout.staged == Some((data, k))) {
            layout.set_input(k, None);
            layout.staged = None;
            backend.take(stage, place.memory, offset, len)?;
        } else if let Some(buffer) = self.filled(backend, layout, task, k, data)? {
            let buffer = &mut self.buffers[buffer];
            if let Some((_, Err(error))) = buffer.holds.take_if(|(_, read)| read.is_err()) {
                return Err(error);
            }
            layout.set_input(k, None);
            backend.copy(buffer.number, place.memory, offset, len)?;
        } else {
            self.rows.resize(place.len, E::zero());
            let done = backend.watch()?;
            timed(task, &layout.batches.shape, k, &mut self.rows, &done, &mut self.reading)?;
            layout.set_input(k, None);
            backend.upload(place.memory, offset, bytemuck::cast_slice(&self.rows))?;
            if brought_once(layout, data, k) {
                self.rows = vec![];
            }
        }
        layout.set_input(k, Some((data, k)));
        Ok(())
    }

    /// Reads the simulations of batch `k`, which are brought next, if nothing of them is at hand; called when the card
    /// has been given work. With `pass` they belong to it; otherwise to a task that comes later, and are read only if
    /// they have a name by which that task can be told from others.
    ///
    /// # Errors
    /// If the card refuses. What reading fails with is reported when the batch is brought, if ever it is.
    pub(crate) fn read_ahead<B: Backend>(
        &mut self,
        backend: &mut B,
        layout: &mut Layout,
        task: &Task<'_, E>,
        k: usize,
        pass: Option<u64>,
    ) -> Result<()> {
        let Some(data) = Data::of(task, pass) else { return Ok(()) };
        if k >= layout.spans.len() || [layout.input_at(k), layout.staged].contains(&Some((data, k))) {
            return Ok(());
        }
        let Some(buffer) = self.filled(backend, layout, task, k, data)? else { return Ok(()) };
        let buffer = &self.buffers[buffer];
        if let (Some(stage), Some((_, Ok(())))) = (layout.stage, &buffer.holds) {
            layout.staged = None;
            backend.send(buffer.number, stage, layout.spans[k].input.len * size_of::<E>())?;
            layout.staged = Some((data, k));
        }
        Ok(())
    }

    /// A buffer with the simulations of batch `k`, read now or before; none where they go through no buffer.
    fn filled<B: Backend>(
        &mut self,
        backend: &mut B,
        layout: &Layout,
        task: &Task<'_, E>,
        k: usize,
        data: Data,
    ) -> Result<Option<usize>> {
        if brought_once(layout, data, k) || !self.pin(backend, layout.input_bytes::<E>())? {
            return Ok(None);
        }
        let content = Content { data, shape: layout.batches.shape, k };
        let found =
            self.buffers.iter().position(|buffer| buffer.holds.as_ref().is_some_and(|(holds, _)| *holds == content));
        let oldest = || self.buffers.iter().enumerate().min_by_key(|(_, buffer)| buffer.used).map(|(b, _)| b);
        let Some(b) = found.or_else(oldest) else { return Ok(None) };
        self.clock += 1;
        self.buffers[b].used = self.clock;
        if found.is_none() {
            self.buffers[b].holds = None;
            let (number, len) = (self.buffers[b].number, layout.spans[k].input.len * size_of::<E>());
            let done = backend.watch()?;
            let to = bytemuck::cast_slice_mut(&mut backend.pinned(number)?[..len]);
            let read = timed(task, &layout.batches.shape, k, to, &done, &mut self.reading);
            self.buffers[b].holds = Some((content, read));
        }
        Ok(Some(b))
    }

    /// Takes buffers of so many bytes, if there are none as large. Says whether there are any.
    fn pin<B: Backend>(&mut self, backend: &mut B, bytes: usize) -> Result<bool> {
        if bytes <= self.size {
            return Ok(!self.buffers.is_empty());
        }
        if bytes >= self.refused {
            return Ok(false);
        }
        self.size = 0;
        while let Some(buffer) = self.buffers.pop() {
            backend.unpin(buffer.number)?;
        }
        for _ in 0..BUFFERS {
            let Some(number) = backend.pin(bytes)? else { break };
            self.buffers.push(Buffer { number, used: 0, holds: None });
            self.size = bytes;
        }
        if self.buffers.is_empty() {
            self.refused = bytes;
        }
        Ok(!self.buffers.is_empty())
    }
}

/// Reads batch `k`, and adds to `idle` the time from when the card has done all it was asked to.
fn timed<E: Element>(
    task: &Task<'_, E>,
    shape: &Shape,
    k: usize,
    to: &mut [E],
    done: &Done,
    idle: &mut Duration,
) -> Result<()> {
    let since: OnceLock<Instant> = OnceLock::new();
    let result = read(task, shape, k, to, &|| {
        if since.get().is_none() && done() {
            // Another thread may have been as fast; both mean the same moment.
            let _ = since.set(Instant::now());
        }
    });
    *idle += since.get().map_or(Duration::ZERO, Instant::elapsed);
    result
}

/// Whether a batch comes to the card once and for all: then buffers for it would be idle ever after.
fn brought_once(layout: &Layout, data: Data, k: usize) -> bool {
    matches!(data, Data::Constant(_)) && layout.has_own_input(k)
}
