//! A checkpoint, put back into a model of two tensors.

use super::Target;
use super::tensors::behind_length;
use crate::scratch::{choice, files};
use candle_core::Device;
use std::sync::LazyLock;
use twindrop::nn::{Init, ParamSpec, Parameters};
use twindrop::train::hostile;

static PARAMETERS: LazyLock<Parameters> = LazyLock::new(|| {
    let specs =
        vec![ParamSpec::weight("a", [2, 2], 1.), ParamSpec::vector("b", 2, Init::Zeros)];
    Parameters::initial(specs, 0, &Device::Cpu).expect("two tensors")
});

/// The files that are text and the headers of those that are not, a NUL between them. By the first
/// byte, the manifest vouches for what is there, or is the first of the files.
pub const CHECKPOINT: Target = Target {
    name: "checkpoint",
    prepare: |scratch, data| {
        let (choice, data) = choice(data);
        let mut given = files(data);
        let manifest = (choice % 4 == 3).then(|| given.next().unwrap_or_default());
        for name in ["state.json", "run.toml"] {
            scratch.write(name, given.next().unwrap_or_default());
        }
        for (name, numbers) in [("model", 6), ("moments", 12), ("best", 6)] {
            let header = given.next().unwrap_or_default();
            let file = behind_length(header, &vec![0x3e; 4 * numbers]);
            scratch.write(&format!("{name}.safetensors"), file);
        }
        match manifest {
            Some(manifest) => scratch.write("manifest.json", manifest),
            None => hostile::vouch(scratch.folder()).expect("files to vouch for"),
        }
    },
    read: |scratch| {
        let _ = hostile::restore(scratch.folder(), &PARAMETERS);
    },
};
