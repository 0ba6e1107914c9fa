//! The program: sets the allocator's policy, then hands over to `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_memory();
    fail_at_size_limits();
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

/// A file larger than `ulimit -f` allows is then an error of the write, which is cleaned up after,
/// and not the end of the process.
fn fail_at_size_limits() {
    #[cfg(unix)]
    // SAFETY: SIG_IGN is a disposition that signal takes, before any thread is started.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
