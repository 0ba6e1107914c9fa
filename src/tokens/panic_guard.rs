//! A panic of the tokenizers crate is an error of the model's file: a `tokenizer.json` that parses
//! may still break what its own code takes for granted.

use crate::error::{Error, ErrorKind, Result};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is awaited, so that nothing need be printed of it.
    static AWAITED: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives; or, where it panics, an error with the words of the panic.
///
/// The first call puts a hook before the one that there is, which hears of every other panic as
/// ever.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !AWAITED.get() {
                before(panic);
            }
        }));
    });
    let outer = AWAITED.replace(true);
    // a tokenizer that panicked in the middle of a text has nothing to repair: it only reads
    let result = catch_unwind(AssertUnwindSafe(work));
    AWAITED.set(outer);
    result.map_err(|payload| {
        let words = payload.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("");
        let words = format!("the model's tokenizer is inconsistent and failed ({words})");
        Error::new(ErrorKind::Model, words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_words() {
        assert_eq!(guarded(|| 3).unwrap(), 3);
        let error = guarded(|| panic!("no {}", "id")).map(|(): ()| ()).unwrap_err();
        assert!(error.to_string().ends_with("gave up (no id)"), "{error}");
        assert!(!AWAITED.get());
    }
}
