//! Where a write may fail, so that a test can make it.

#[cfg(test)]
thread_local! {
    static LEFT: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
    static FAILED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// A place where the disk may say no: nothing, but in a test that counts down to it.
#[cfg(test)]
pub(super) fn point() -> std::io::Result<()> {
    LEFT.with(|left| match left.get() {
        Some(0) => {
            FAILED.with(|failed| failed.set(true));
            Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
        }
        Some(more) => {
            left.set(Some(more - 1));
            Ok(())
        }
        None => Ok(()),
    })
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail in a test")]
pub(super) fn point() -> std::io::Result<()> {
    Ok(())
}

/// Runs `act` on a disk that is full after `points` more writes of this thread; says too
/// whether it came to that.
#[cfg(test)]
pub(crate) fn failing<R>(points: u64, act: impl FnOnce() -> R) -> (R, bool) {
    LEFT.with(|left| left.set(Some(points)));
    let result = act();
    LEFT.with(|left| left.set(None));
    (result, FAILED.with(|failed| failed.replace(false)))
}
