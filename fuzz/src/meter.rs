//! What one execution may cost: memory by an allocator that counts, time by the CPU's clock. Who
//! takes more is ended on the spot, and libFuzzer keeps the input.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use twindrop::io::{HELD, HELD_PER_BYTE};

/// The CPU time of one execution; the wall's clock also counts what else the machine does.
const MOST_MILLISECONDS: u64 = 1000;

/// The system's allocator, counted.
pub struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(usize::MAX);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn take(size: usize) {
    let live = LIVE.fetch_add(size, Relaxed) + size;
    PEAK.fetch_max(live, Relaxed);
    if live > MOST.load(Relaxed) {
        MOST.store(usize::MAX, Relaxed);
        abort("more memory than the bound of twindrop::io allows");
    }
}

fn give(size: usize) {
    LIVE.fetch_sub(size, Relaxed);
}

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        give(layout.size());
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn abort(words: &str) -> ! {
    eprintln!("twindrop-fuzz: {words}");
    write_report();
    std::process::abort();
}

static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
static SLOWEST: AtomicU64 = AtomicU64::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

/// Runs `read`, which reads `size` bytes, within the bounds.
pub fn measure(size: usize, read: impl FnOnce()) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    MOST.store(before + HELD + HELD_PER_BYTE * size, Relaxed);
    let start = milliseconds();
    read();
    let took = milliseconds() - start;
    MOST.store(usize::MAX, Relaxed);
    SLOWEST.fetch_max(took, Relaxed);
    LARGEST.fetch_max(PEAK.load(Relaxed) - before, Relaxed);
    if EXECUTIONS.fetch_add(1, Relaxed) % 0x10000 == 0 {
        write_report();
    }
    if took > MOST_MILLISECONDS {
        abort(&format!("{took} ms for one input"));
    }
}

fn milliseconds() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock writes to a place of its own type.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

static NAME: OnceLock<&str> = OnceLock::new();

/// Writes what was measured to the file `TWINDROP_FUZZ_REPORT` names, now and then and at the end.
pub fn report_at_exit(name: &'static str) {
    NAME.get_or_init(|| name);
    // SAFETY: the function takes nothing and does not unwind.
    unsafe { libc::atexit(at_exit) };
}

extern "C" fn at_exit() {
    write_report();
}

/// Target, executions, slowest in ms, largest in bytes.
fn write_report() {
    let Ok(path) = std::env::var("TWINDROP_FUZZ_REPORT") else { return };
    let name = NAME.get().copied().unwrap_or("none");
    let (executions, slowest) = (EXECUTIONS.load(Relaxed), SLOWEST.load(Relaxed));
    let row = format!("{name}\t{executions}\t{slowest}\t{}\n", LARGEST.load(Relaxed));
    if let Ok(mut file) = std::fs::File::create(path) {
        let _ = file.write_all(row.as_bytes());
    }
}
