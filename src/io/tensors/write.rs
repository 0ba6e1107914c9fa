//! Writes `.safetensors`, tensor by tensor.

use safetensors::Dtype;
use safetensors::View;
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::HashMap;
use std::io::{self, Write};

/// Writes what `safetensors::serialize` gives, one tensor in memory at a time. The crate's own
/// `serialize_to_file` makes a temporary file that only its owner may read, and that a killed
/// process leaves behind under an unknown name.
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
    let mut header = json(metadata, infos.collect())?;
    header.resize(header.len().next_multiple_of(8), b' ');
    to.write_all(&(header.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    tensors.iter().try_for_each(|(_, tensor)| to.write_all(&tensor.data()))
}

fn json(
    metadata: Option<HashMap<String, String>>,
    infos: Vec<(String, TensorInfo)>,
) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&Metadata::new(metadata, infos).map_err(io::Error::other)?)?)
}

/// Bytes of [`matrix_header`], of which half are needed.
const MATRIX: usize = 256;

/// The header of a file with one matrix of 8 bits or more an element, whose rows are counted when
/// all are written: of one length for any number of rows, so that it can be written again.
///
/// # Errors
/// Where the shape is more than a file can hold.
pub(crate) fn matrix_header(
    name: &str,
    dtype: Dtype,
    shape: [usize; 2],
) -> io::Result<Vec<u8>> {
    let bytes = shape[0] * shape[1] * dtype.bitsize() / 8;
    let info = TensorInfo { dtype, shape: shape.into(), data_offsets: (0, bytes) };
    let mut header = ((MATRIX - 8) as u64).to_le_bytes().to_vec();
    header.extend(json(None, vec![(name.to_string(), info)])?);
    header.resize(MATRIX, b' ');
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_header_is_of_one_length_and_the_crate_reads_it() {
        let most = matrix_header("embeddings", Dtype::U8, [1 << 40, 1 << 20]).unwrap();
        let mut few = matrix_header("embeddings", Dtype::F32, [1, 2]).unwrap();
        assert_eq!((few.len(), most.len()), (MATRIX, MATRIX));
        few.extend([0; 8]);
        let file = safetensors::SafeTensors::deserialize(&few).unwrap();
        assert_eq!(file.tensor("embeddings").unwrap().shape(), [1, 2]);
    }
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    #[test]
    fn it_writes_what_the_crate_does() {
        let (bytes, floats) = ([1u8, 2, 3], [7u8; 24]);
        let view = |dtype, shape: &[usize], bytes| TensorView::new(dtype, shape.into(), bytes);
        let tensors = || {
            let b = view(Dtype::F32, &[2, 3], &floats[..]).unwrap();
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
