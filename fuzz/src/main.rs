//! One program of all fuzz targets: `TWINDROP_FUZZ` says which. `fuzz/run.sh` builds and runs it.

#![no_main]

mod meter;
mod scratch;
mod targets;

use scratch::Scratch;
use std::sync::{Mutex, OnceLock};
use targets::Target;

#[global_allocator]
static ALLOCATOR: meter::Counting = meter::Counting;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static CHOSEN: OnceLock<(&'static Target, Mutex<Scratch>)> = OnceLock::new();
    let (target, scratch) = CHOSEN.get_or_init(|| {
        let target = targets::chosen();
        meter::report_at_exit(target.name);
        (target, Mutex::new(Scratch::new()))
    });
    let mut scratch = scratch.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    scratch.clear();
    (target.prepare)(&mut scratch, data);
    meter::measure(scratch.size(), || (target.read)(&scratch));
});
