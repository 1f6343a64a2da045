//! An allocator that counts what each thread takes, and refuses what no parser needs.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// The most bytes that a thread may have at once: beyond it there is no memory, before the machine has none.
const MOST: isize = 1 << 30;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The allocator of the system, counted. A program that wants limits of memory makes it its global allocator.
pub struct Counting;

/// Begins to count anew on this thread.
pub fn begin() {
    LIVE.set(0);
    PEAK.set(0);
}

/// The most bytes that this thread asked for at once since [`begin`], beside those that it had; 0 without [`Counting`].
pub fn peak() -> usize {
    PEAK.get().max(0) as usize
}

/// Counts a request. Whether it is granted.
fn take(bytes: usize) -> bool {
    // A thread that ends has no counters any more.
    let live = LIVE.try_with(|live| {
        let sum = live.get().saturating_add_unsigned(bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(sum)));
        if sum <= MOST {
            live.set(sum);
        }
        sum
    });
    live.unwrap_or(0) <= MOST
}

fn give(bytes: usize) {
    let _ = LIVE.try_with(|live| live.set(live.get().saturating_sub_unsigned(bytes)));
}

// SAFETY: every call goes to the allocator of the system unchanged, or returns null, which stands for no memory; counting
// does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return null_mut();
        }
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return null_mut();
        }
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !take(size) {
            return null_mut();
        }
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
        let moved = unsafe { System.realloc(pointer, layout, size) };
        give(if moved.is_null() { size } else { layout.size() });
        moved
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
