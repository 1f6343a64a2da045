//! A host emulation of a GPU: the same kernels compiled for the host, with every access checked. For tests.

use super::kernels;
use super::lanes::interleaved;
use super::streams::{Stream, Streams};
use super::{Argument, Backend, Command, Done, Factor, Product, Span};
use crate::error::{DeviceError, Result};
use libloading::{Library, Symbol};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::process::Command as Process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// As in `emulated.hpp`.
type Launcher = unsafe extern "C" fn(*mut *mut c_void, usize, c_uint, c_uint, u32, c_int) -> *const c_char;

#[repr(C)]
struct Pointer {
    data: *mut c_void,
    len: usize,
    shadow: *mut [u64; 2],
}

/// One allocation: words that begin as NaNs, and what is known of each four bytes of them.
struct Memory {
    bytes: usize,
    words: Vec<u64>,
    shadow: Vec<[u64; 2]>,
}

/// What is carried out in the order of a stream.
enum Order {
    Run(usize),
    Upload { memory: usize, offset: usize, bytes: Vec<u8> },
    Copy { buffer: usize, memory: usize, offset: usize, len: usize },
    Take { stage: usize, memory: usize, offset: usize, len: usize },
}

pub(crate) struct Emulated {
    size: usize,
    library: &'static Library,
    memories: Vec<Option<Memory>>,
    sequences: Vec<Option<Vec<Command>>>,
    launches: u32,
    streams: Streams<Order>,
    /// Words, and the last order on each stream that copies from them.
    buffers: Vec<Option<(Vec<u64>, [u64; 2])>>,
    /// The last orders to send and to take.
    sent: u64,
    taken: u64,
    /// Whether orders are carried out as late as they may be, and not at once.
    pub(crate) late: bool,
    /// Whether, by mistake, a buffer is given to be filled before the copies from it are done.
    pub(crate) hasty: bool,
    /// Bytes that buffers may take.
    pub(crate) pinnable: usize,
    /// Whether the card has nothing to do, in place of what the streams say.
    pub(crate) idle: Option<Arc<AtomicBool>>,
    /// Whether threads run from the last to the first.
    pub(crate) backwards: bool,
    /// Bytes that there are.
    pub(crate) room: usize,
    /// Bytes that can be had, if those are fewer.
    pub(crate) really: usize,
    pub(crate) used: usize,
    /// Bytes uploaded so far, those through buffers included.
    pub(crate) uploaded: usize,
    /// Whether commands run in two lanes, and which is ahead of the other as far as may be.
    pub(crate) ahead: Option<usize>,
    /// Those of them that were sent beside the work.
    pub(crate) beside: usize,
    /// Sequences run so far.
    pub(crate) runs: usize,
    /// The kernels that have run.
    pub(crate) seen: BTreeSet<&'static str>,
    /// Where wanted: bytes that the launches of each kernel move, as they are counted and as they were seen, in f32.
    pub(crate) traffic: Option<BTreeMap<&'static str, [u64; 2]>>,
}

impl Emulated {
    /// For numbers of so many bytes.
    pub(crate) fn new(size: usize) -> Self {
        Emulated {
            size,
            library: library(size),
            memories: vec![],
            sequences: vec![],
            launches: 0,
            streams: Streams::new(),
            buffers: vec![],
            sent: 0,
            taken: 0,
            late: false,
            hasty: false,
            pinnable: usize::MAX,
            idle: None,
            backwards: false,
            room: 1 << 30,
            really: usize::MAX,
            used: 0,
            uploaded: 0,
            ahead: None,
            beside: 0,
            runs: 0,
            seen: BTreeSet::new(),
            traffic: None,
        }
    }

    /// Whether a layer gathered its patches in several runs: one sequence gathers from several places of one memory.
    pub(crate) fn chunked(&self) -> bool {
        let places = self.sequences.iter().flatten().flatten().filter_map(|command| match command {
            Command::Launch { kernel: "scatter", arguments, .. } => arguments.first().copied(),
            _ => None,
        });
        let places: Vec<Argument> = places.collect();
        places.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Numbers that the last kernel read, and numbers that it wrote.
    fn touched(&self) -> u64 {
        let number = u64::from(self.launches);
        let marks = self.memories.iter().flatten().flat_map(|memory| &memory.shadow).flatten();
        marks.filter(|&&mark| mark >> 32 == number).count() as u64
    }

    fn give(&mut self, stream: Stream, order: Order, after: u64) -> u64 {
        let number = self.streams.give(stream, order, after);
        if !self.late {
            self.finish(stream, number);
        }
        number
    }

    /// Carries out so many orders of a stream.
    fn finish(&mut self, stream: Stream, until: u64) {
        while let Some(order) = self.streams.next(stream, until) {
            match order {
                Order::Run(sequence) => self.carry_out(sequence),
                Order::Upload { memory, offset, bytes } => self.write_bytes(memory, offset, &bytes),
                Order::Copy { buffer, memory, offset, len } => {
                    let bytes = bytemuck::cast_slice::<_, u8>(&self.buffers[buffer].as_ref().expect("a buffer").0)
                        [..len]
                        .to_vec();
                    self.write_bytes(memory, offset, &bytes);
                }
                Order::Take { stage, memory, offset, len } => {
                    let bytes = self.bytes(stage)[..len].to_vec();
                    self.write_bytes(memory, offset, &bytes);
                }
            }
        }
    }

    fn finish_all(&mut self) {
        for stream in [Stream::Work, Stream::Copies] {
            self.finish(stream, self.streams.issued(stream));
        }
    }

    fn write_bytes(&mut self, memory: usize, offset: usize, bytes: &[u8]) {
        self.bytes(memory)[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    fn carry_out(&mut self, sequence: usize) {
        for command in self.sequences[sequence].clone().expect("a sequence that was dropped") {
            match command {
                Command::Launch { kernel, threads, arguments } => self.launch(kernel, threads, &arguments),
                Command::Product(product) => self.product(product),
                Command::Zero(span) => (0..span.len).for_each(|at| self.write(span, at, 0.0)),
            }
        }
    }

    /// Copies from a buffer on a stream.
    fn copy_on(&mut self, stream: Stream, after: u64, (buffer, len): (usize, usize), memory: usize, offset: usize) {
        self.uploaded += len;
        let number = self.give(stream, Order::Copy { buffer, memory, offset, len }, after);
        self.buffers[buffer].as_mut().expect("a buffer that was given back").1[stream as usize] = number;
    }

    fn memory(&mut self, memory: usize) -> &mut Memory {
        self.memories[memory].as_mut().expect("memory that was given back")
    }

    fn bytes(&mut self, memory: usize) -> &mut [u8] {
        let memory = self.memory(memory);
        &mut bytemuck::cast_slice_mut(&mut memory.words)[..memory.bytes]
    }

    /// What a kernel gets for a span of numbers of so many bytes.
    fn pointer(&mut self, span: Span, size: usize) -> Pointer {
        let memory = self.memory(span.memory);
        assert!((span.start + span.len) * size <= memory.bytes, "{span:?} of {} bytes", memory.bytes);
        let data = memory.words.as_mut_ptr().cast::<u8>().wrapping_add(span.start * size).cast();
        Pointer { data, len: span.len, shadow: memory.shadow.as_mut_ptr().wrapping_add(span.start) }
    }

    #[allow(unsafe_code)]
    fn launch(&mut self, kernel: &'static str, threads: u32, arguments: &[Argument]) {
        self.seen.insert(kernel);
        self.launches += 1;
        let size = self.size;
        let mut counts = vec![threads];
        counts.extend(arguments.iter().filter_map(|a| if let Argument::Count(n) = a { Some(*n) } else { None }));
        let mut pointers: Vec<Pointer> = Vec::new();
        for argument in arguments {
            if let Some((span, size)) = argument.span(size) {
                pointers.push(self.pointer(span, size));
            }
        }
        let (mut counts, mut pointers) = (counts.iter_mut(), pointers.iter_mut());
        let mut packed: Vec<*mut c_void> = vec![counts.next().map_or(std::ptr::null_mut(), |n| (n as *mut u32).cast())];
        for argument in arguments {
            packed.push(match argument {
                Argument::Count(_) => (counts.next().unwrap() as *mut u32).cast(),
                _ => (pointers.next().unwrap() as *mut Pointer).cast(),
            });
        }
        let blocks = threads.div_ceil(kernels::BLOCK);
        // SAFETY: the library was made from the same text as the kernel's name, with this signature.
        let launcher: Symbol<'_, Launcher> =
            unsafe { self.library.get(format!("launch_{kernel}").as_bytes()) }.expect(kernel);
        let backwards = self.backwards.into();
        // SAFETY: the launcher checks the number of arguments; they point to counts and pointers of the layout in
        // `emulated.hpp`, whose memory and shadow are as long as they say, and outlive the call.
        let fault =
            unsafe { launcher(packed.as_mut_ptr(), packed.len(), blocks, kernels::BLOCK, self.launches, backwards) };
        if !fault.is_null() {
            // SAFETY: a launcher returns null or a text that ends with 0.
            panic!("{}", unsafe { CStr::from_ptr(fault) }.to_string_lossy());
        }
        if let Some(mut traffic) = self.traffic.take() {
            let counted = Command::Launch { kernel, threads, arguments: arguments.to_vec() }.bytes(size);
            let sums = traffic.entry(kernel).or_default();
            *sums = [sums[0] + counted, sums[1] + self.touched() * size_of::<f32>() as u64];
            self.traffic = Some(traffic);
        }
    }

    fn read(&mut self, span: Span, at: usize) -> f64 {
        assert!(at < span.len, "number {at} of {span:?}");
        let (size, start) = (self.size, (span.start + at) * self.size);
        let bytes = &self.bytes(span.memory)[start..start + size];
        match size {
            4 => f64::from(f32::from_ne_bytes(bytes.try_into().unwrap())),
            _ => f64::from_ne_bytes(bytes.try_into().unwrap()),
        }
    }

    fn write(&mut self, span: Span, at: usize, value: f64) {
        assert!(at < span.len, "number {at} of {span:?}");
        let (size, start) = (self.size, (span.start + at) * self.size);
        let to = &mut self.bytes(span.memory)[start..start + size];
        match size {
            4 => to.copy_from_slice(&(value as f32).to_ne_bytes()),
            _ => to.copy_from_slice(&value.to_ne_bytes()),
        }
    }

    fn product(&mut self, p: Product) {
        let columns = |factor: Factor, rows, columns| if factor.transposed { rows } else { columns };
        assert!(p.a.ld >= columns(p.a, p.m, p.k) && p.b.ld >= columns(p.b, p.k, p.n) && p.ld >= p.n, "{p:?}");
        let at = |factor: Factor, i: usize, j: usize| {
            if factor.transposed { j * factor.ld + i } else { i * factor.ld + j }
        };
        for i in 0..p.m {
            for j in 0..p.n {
                let mut sum = if p.accumulate { self.read(p.c, i * p.ld + j) } else { 0.0 };
                for l in 0..p.k {
                    sum += self.read(p.a.span, at(p.a, i, l)) * self.read(p.b.span, at(p.b, l, j));
                }
                self.write(p.c, i * p.ld + j, sum);
            }
        }
    }
}

impl Backend for Emulated {
    fn device(&self) -> usize {
        0
    }

    fn available(&mut self) -> Result<usize> {
        Ok(self.room - self.used.min(self.room))
    }

    fn allocate(&mut self, bytes: usize) -> Result<usize> {
        if self.used + bytes > self.room.min(self.really) {
            return Err(DeviceError::OutOfMemory { device: 0, bytes });
        }
        self.used += bytes;
        // All ones are a NaN in every precision, and an index that is nowhere.
        let words = vec![u64::MAX; bytes.div_ceil(8)];
        let shadow = vec![[0; 2]; bytes.div_ceil(4)];
        self.memories.push(Some(Memory { bytes, words, shadow }));
        Ok(self.memories.len() - 1)
    }

    fn free(&mut self, memory: usize) -> Result<()> {
        self.finish_all();
        self.used -= self.memories[memory].take().expect("memory that was given back").bytes;
        Ok(())
    }

    fn upload(&mut self, memory: usize, offset: usize, bytes: &[u8]) -> Result<()> {
        self.uploaded += bytes.len();
        self.give(Stream::Work, Order::Upload { memory, offset, bytes: bytes.to_vec() }, 0);
        Ok(())
    }

    fn download(&mut self, memory: usize, offset: usize, bytes: &mut [u8]) -> Result<()> {
        self.finish(Stream::Work, self.streams.issued(Stream::Work));
        bytes.copy_from_slice(&self.bytes(memory)[offset..offset + bytes.len()]);
        Ok(())
    }

    fn prepare(&mut self, commands: Vec<Command>) -> Result<usize> {
        let commands = match self.ahead {
            Some(ahead) => interleaved(&commands, self.size, ahead).expect("known kernels"),
            None => commands,
        };
        self.sequences.push(Some(commands));
        Ok(self.sequences.len() - 1)
    }

    fn run(&mut self, sequence: usize) -> Result<()> {
        self.runs += 1;
        self.give(Stream::Work, Order::Run(sequence), 0);
        Ok(())
    }

    fn forget(&mut self, sequence: usize) -> Result<()> {
        self.finish_all();
        self.sequences[sequence] = None;
        Ok(())
    }

    fn pin(&mut self, bytes: usize) -> Result<Option<usize>> {
        let used: usize = self.buffers.iter().flatten().map(|(words, ..)| 8 * words.len()).sum();
        if used + bytes > self.pinnable {
            return Ok(None);
        }
        self.buffers.push(Some((vec![0; bytes.div_ceil(8)], [0; 2])));
        Ok(Some(self.buffers.len() - 1))
    }

    fn unpin(&mut self, buffer: usize) -> Result<()> {
        self.finish_all();
        self.buffers[buffer].take().expect("a buffer that was given back");
        Ok(())
    }

    fn pinned(&mut self, buffer: usize) -> Result<&mut [u8]> {
        let [work, copies] = self.buffers[buffer].as_ref().expect("a buffer that was given back").1;
        if !self.hasty {
            self.finish(Stream::Work, work);
            self.finish(Stream::Copies, copies);
        }
        Ok(bytemuck::cast_slice_mut(&mut self.buffers[buffer].as_mut().expect("a buffer that was given back").0))
    }

    fn send(&mut self, buffer: usize, stage: usize, bytes: usize) -> Result<()> {
        self.beside += bytes;
        self.copy_on(Stream::Copies, self.taken, (buffer, bytes), stage, 0);
        self.sent = self.streams.issued(Stream::Copies);
        Ok(())
    }

    fn take(&mut self, stage: usize, memory: usize, offset: usize, bytes: usize) -> Result<()> {
        let order = Order::Take { stage, memory, offset, len: bytes };
        self.taken = self.give(Stream::Work, order, self.sent);
        Ok(())
    }

    fn copy(&mut self, buffer: usize, memory: usize, offset: usize, bytes: usize) -> Result<()> {
        self.copy_on(Stream::Work, 0, (buffer, bytes), memory, offset);
        Ok(())
    }

    fn watch(&mut self) -> Result<Done> {
        if let Some(idle) = self.idle.clone() {
            return Ok(Box::new(move || idle.load(Ordering::Relaxed)));
        }
        let idle = self.streams.is_done(Stream::Work);
        Ok(Box::new(move || idle))
    }
}

/// The kernels for numbers of so many bytes, compiled once for each.
fn library(size: usize) -> &'static Library {
    static SINGLE: OnceLock<Library> = OnceLock::new();
    static DOUBLE: OnceLock<Library> = OnceLock::new();
    let real = kernels::real(size);
    let library = if size == size_of::<f32>() { &SINGLE } else { &DOUBLE };
    library.get_or_init(|| compile(real))
}

/// A kernel whose threads read what others write in the same phase, to be found.
const RACE: &str = "KERNEL race(unsigned, OUT(REAL) to) { TOGETHER; SHARES(REAL, own, BLOCK);
    PHASE { own[threadIdx.x] = 1; }
    PHASE { to[threadIdx.x] = own[threadIdx.x]; own[BLOCK - 1 - threadIdx.x] = 2; } }\n";

#[allow(unsafe_code)]
fn compile(real: &str) -> Library {
    let mut text = format!("{}{}{RACE}", include_str!("kernels/emulated.hpp"), kernels::source(real));
    kernels::names().chain(["race"]).for_each(|name| text.push_str(&format!("LAUNCHER({name})\n")));
    let folder = tempfile::tempdir().unwrap();
    let (source, made) = (folder.path().join("kernels.cpp"), folder.path().join("kernels.so"));
    std::fs::write(&source, text).unwrap();
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".into());
    let flags = "-std=c++17 -O1 -Wall -Wextra -Werror -shared -fPIC -o";
    let output = Process::new(&compiler).args(flags.split(' ')).arg(&made).arg(&source).output();
    let output = output.unwrap_or_else(|error| panic!("{compiler} is needed to test the kernels on the host: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // SAFETY: the library has no code that runs when it is loaded but its own static numbers.
    unsafe { Library::new(&made) }.unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kernel: &'static str, threads: u32, arguments: impl FnOnce(Span) -> Vec<Argument>) {
        let mut card = Emulated::new(size_of::<f32>());
        let memory = card.allocate(100 * size_of::<f32>()).unwrap();
        let arguments = arguments(Span { memory, start: 0, len: 100 });
        let sequence = card.prepare(vec![Command::Launch { kernel, threads, arguments }]).unwrap();
        card.run(sequence).unwrap();
    }

    #[test]
    #[should_panic(expected = "write out of bounds, number 99 of 99")]
    fn writes_out_of_bounds_are_found() {
        let counts = [Argument::Count(10), Argument::Count(2)];
        run("seed_units", 100, |span| [&[Argument::Numbers(span.part(0..99))], &counts[..]].concat());
    }

    #[test]
    #[should_panic(expected = "write of what another thread writes")]
    fn races_of_writes_are_found() {
        // All go to number 0, since what is written to lies no distance apart.
        let [one, none] = [1, 0].map(Argument::Count);
        run("copy", 10, |span| {
            vec![Argument::Numbers(span.part(0..50)), one, Argument::Numbers(span.from(50)), none, one, none]
        });
    }

    #[test]
    #[should_panic(expected = "another thread")]
    fn races_of_reads_and_writes_are_found() {
        // Each writes what the next one reads.
        let [one, none] = [1, 0].map(Argument::Count);
        run("copy", 10, |span| vec![Argument::Numbers(span), one, Argument::Numbers(span.from(1)), one, one, none]);
    }

    #[test]
    #[should_panic(expected = "race: read of what another thread writes")]
    fn races_in_a_phase_are_found() {
        let mut card = Emulated::new(size_of::<f32>());
        let len = kernels::BLOCK as usize;
        let memory = card.allocate(len * size_of::<f32>()).unwrap();
        let arguments = vec![Argument::Numbers(Span { memory, start: 0, len })];
        let sequence =
            card.prepare(vec![Command::Launch { kernel: "race", threads: kernels::BLOCK, arguments }]).unwrap();
        card.run(sequence).unwrap();
    }

    #[test]
    #[should_panic(expected = "arguments and was given")]
    fn missing_arguments_are_found() {
        run("seed_units", 100, |span| vec![Argument::Numbers(span)]);
    }
}
