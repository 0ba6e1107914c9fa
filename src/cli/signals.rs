//! The first Ctrl-C or SIGTERM finishes the step and keeps it; the second ends the program.

use crate::error::{Error, ErrorKind, Result};
use crate::train::RunConfig;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

/// The signal that came, 0 before any.
static CAME: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// 128 and the number of the signal that stopped the program.
pub fn exit_code() -> u8 {
    128 + CAME.load(Ordering::Relaxed) as u8
}

/// Installed signal handlers.
pub struct Signals;

impl Signals {
    /// Has the signals raise `stop`.
    pub fn that_stop(stop: &Arc<AtomicBool>) -> Result<Self> {
        let listen = || {
            for signal in [SIGINT, SIGTERM] {
                // in the order they are asked: a second signal finds the flag raised
                flag::register_conditional_shutdown(signal, 128 + signal, stop.clone())?;
                flag::register_usize(signal, CAME.clone(), signal as usize)?;
                flag::register(signal, stop.clone())?;
            }
            Ok(())
        };
        listen().map_err(|error| Error::io("signals".as_ref(), error))?;
        Ok(Self)
    }

    /// An interruption with what to do next.
    pub fn explain(&self, error: Error, config: &RunConfig) -> Error {
        let output = config
            .output_dir
            .as_ref()
            .filter(|_| matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Io));
        match output {
            Some(output) => {
                let output = output.display();
                let message = format!(
                    "{error}; resume with: twindrop train --resume --output-dir {output}"
                );
                Error::new(error.kind(), message)
            }
            None => error,
        }
    }
}
