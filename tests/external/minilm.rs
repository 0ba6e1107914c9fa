//! all-MiniLM-L6-v2, a real model: its directory comes from `TWINDROP_TEST_MODEL`, and without
//! it these tests say so and pass.

use std::path::{Path, PathBuf};
use twindrop::eval::Similarity;
use twindrop::nn::ComputeDtype;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};

fn model() -> Option<SentenceEncoder> {
    let Some(dir) = std::env::var_os("TWINDROP_TEST_MODEL") else {
        eprintln!("TWINDROP_TEST_MODEL is not set: skipped");
        return None;
    };
    Some(SentenceEncoder::from_directory(PathBuf::from(dir)).unwrap())
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The numbers of a little-endian f32 `.npy` of format 1.0.
fn npy(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let numbers = bytes[10 + header..].chunks_exact(4);
    numbers.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

fn sentences() -> Vec<String> {
    let text = std::fs::read_to_string(fixture("minilm_sentences.txt")).unwrap();
    text.lines().map(String::from).collect()
}

/// The fixture is made by `eval/peers/embed_fixture.py`.
#[test]
fn embeddings_equal_those_of_sentence_transformers() {
    let Some(model) = model() else { return };
    let ours = model.encode(&sentences(), &EncodeOptions::default()).unwrap();
    let theirs = npy(&fixture("minilm_embeddings.npy"));
    assert_eq!(ours.as_slice().len(), theirs.len());
    let pairs = ours.as_slice().iter().zip(&theirs);
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(worst < 1e-5, "worst difference {worst}");
}

/// bf16 and int8 keep 8 bits of a number; the bounds are what six layers of that may cost a unit
/// vector.
#[test]
fn fewer_bits_move_embeddings_by_little() {
    let Some(model) = model() else { return };
    let (texts, options) = (sentences(), EncodeOptions::default());
    let exact = model.encode(&texts, &options).unwrap();
    let mut model = Some(model);
    for (dtype, bound) in [(ComputeDtype::Bf16, 0.9995), (ComputeDtype::Int8, 0.985)] {
        if dtype.available() != dtype {
            eprintln!("this CPU has no {dtype:?} dot products: skipped");
            continue;
        }
        let rounding = model.take().unwrap().with_dtype(dtype);
        let cosines =
            Similarity::Cosine.paired(&exact, &rounding.encode(&texts, &options).unwrap());
        let worst = cosines.iter().copied().fold(1., f64::min);
        assert!((bound..1.).contains(&worst), "{dtype:?}: lowest cosine {worst}");
        model = Some(rounding);
    }
}

#[test]
fn a_quantized_copy_is_smaller_and_computes_as_int8_does() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    model.save_quantized(dir.path()).unwrap();
    let size = std::fs::metadata(dir.path().join("model.safetensors")).unwrap().len();
    assert!(size < 62_000_000, "22.7 million numbers, half of them in a byte: {size}");
    let copy = SentenceEncoder::from_directory(dir.path()).unwrap();
    let (texts, options) = (sentences(), EncodeOptions::default());
    let found = copy.encode(&texts, &options).unwrap();
    let rounding = model.with_dtype(ComputeDtype::Int8);
    let expected = rounding.encode(&texts, &options).unwrap();
    assert_eq!(found, expected);
}

#[test]
fn a_saved_and_loaded_copy_gives_the_same_bits() {
    let Some(model) = model() else { return };
    let dir = tempfile::tempdir().unwrap();
    model.save_pretrained(dir.path()).unwrap();
    let copy = SentenceEncoder::from_directory(dir.path()).unwrap();
    let (texts, options) = (sentences(), EncodeOptions::default());
    assert_eq!(model.encode(&texts, &options).unwrap(), copy.encode(&texts, &options).unwrap());
}

#[test]
fn the_size_of_a_batch_does_not_change_a_vector() {
    let Some(model) = model() else { return };
    let texts = sentences();
    let vectors = |batch_size| {
        let mut options = EncodeOptions::default();
        options.batch_size = batch_size;
        model.encode(&texts, &options).unwrap()
    };
    let (alone, together) = (vectors(1), vectors(100));
    assert_eq!(alone, together);
}
