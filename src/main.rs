//! The program: sets the allocator's policy, then hands over to `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_memory();
    twindrop::cli::run()
}

/// A step frees and takes the same large buffers as the one before; handing them back to the
/// system each time costs a third of a step in page faults.
fn keep_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets tunables of malloc, before any thread is started.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}
