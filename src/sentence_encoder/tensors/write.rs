//! A `.safetensors` file, tensor by tensor.

use safetensors::View;
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::HashMap;
use std::io::{self, Write};

/// Writes what `safetensors::serialize` gives, one tensor in memory at a time. The crate's own way
/// of doing so, `serialize_to_file`, makes a file beside, which only its owner may read and which
/// a killed process leaves behind under a name that nobody knows.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write_tensors<V: View>(
    to: &mut impl Write,
    tensors: impl IntoIterator<Item = (String, V)>,
    metadata: Option<HashMap<String, String>>,
) -> io::Result<()> {
    let mut tensors: Vec<(String, V)> = tensors.into_iter().collect();
    // wide numbers first, so that each starts at a multiple of its width
    tensors.sort_by(|(name, tensor), (other_name, other)| {
        other.dtype().cmp(&tensor.dtype()).then_with(|| name.cmp(other_name))
    });
    let mut end = 0;
    let infos = tensors.iter().map(|(name, tensor)| {
        let start = end;
        end += tensor.data_len();
        let (dtype, shape) = (tensor.dtype(), tensor.shape().to_vec());
        (name.clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
    });
    let header = Metadata::new(metadata, infos.collect()).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    tensors.iter().try_for_each(|(_, tensor)| to.write_all(&tensor.data()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    #[test]
    fn it_writes_what_the_crate_does() {
        let (bytes, words) = ([1u8, 2, 3], [7u8; 24]);
        let view = |dtype, shape: &[usize], bytes| TensorView::new(dtype, shape.into(), bytes);
        let tensors = || {
            let b = view(Dtype::F32, &[2, 3], &words[..]).unwrap();
            let small = view(Dtype::I8, &[3], &bytes[..]).unwrap();
            let a = view(Dtype::F32, &[0], &[][..]).unwrap();
            [("a.small", small), ("b", b), ("a", a)]
                .map(|(name, view)| (name.to_string(), view))
        };
        let metadata = || Some(HashMap::from([("format".to_string(), "pt".to_string())]));
        let mut written = Vec::new();
        write_tensors(&mut written, tensors(), metadata()).unwrap();
        assert_eq!(written, safetensors::serialize(tensors(), metadata()).unwrap());
    }
}
