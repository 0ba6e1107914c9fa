//! Errors and panics of the tokenizers crate as errors of ours: a `tokenizer.json` that parses may still break what
//! the crate's own code takes for granted.

use crate::error::{Error, ErrorKind, Result};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// Whether this thread is inside [`guarded`].
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread will be returned as an error. A program that sets a panic hook
/// need not print such a panic; the library itself sets none, because a hook is the process's.
pub fn is_panic_caught() -> bool {
    GUARDED.get()
}

/// The tokenizers crate has errors without a kind; none of these is the user's.
pub(super) fn defect(error: tokenizers::Error) -> Error {
    Error::new(ErrorKind::Internal, format!("tokenizer: {error}"))
}

/// What `work` returns; or, where it panics, an error with the panic's message.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    let outer = GUARDED.replace(true);
    // a tokenizer that panicked in the middle of a text has nothing to repair: it only reads
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.map_err(|payload| {
        let message = payload.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("");
        let message = format!("the model's tokenizer is inconsistent and failed ({message})");
        Error::new(ErrorKind::Model, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_words() {
        assert_eq!(guarded(|| 3).unwrap(), 3);
        let error = guarded(|| panic!("no {}", "id")).map(|(): ()| ()).unwrap_err();
        assert!(error.to_string().ends_with("failed (no id)"), "{error}");
        assert!(!GUARDED.get());
    }
}
