//! all-MiniLM-L6-v2, a real model.

use std::path::PathBuf;

use twindrop::nn::ComputeDtype;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::vectors::Similarity;

use crate::support::{fixture, npy};

/// The model in the directory that `TWINDROP_TEST_MODEL` names.
pub fn model() -> Result<SentenceEncoder, String> {
    let Some(directory) = std::env::var_os("TWINDROP_TEST_MODEL") else {
        return Err("TWINDROP_TEST_MODEL names no directory of all-MiniLM-L6-v2".into());
    };
    Ok(SentenceEncoder::from_directory(PathBuf::from(directory)).expect("the model"))
}

/// The same where the CPU multiplies bf16; elsewhere it would compute in f32.
pub fn bf16_model() -> Result<SentenceEncoder, String> {
    let model = model()?;
    if ComputeDtype::Bf16.available() != ComputeDtype::Bf16 {
        return Err(
            "the CPU has no bf16 dot products, or TWINDROP_MAX_CPU_ISA hides them".into()
        );
    }
    Ok(model.with_dtype(ComputeDtype::Bf16))
}

fn sentences() -> Vec<String> {
    let text = std::fs::read_to_string(fixture("minilm_sentences.txt")).unwrap();
    text.lines().map(String::from).collect()
}

/// The fixture is made by `eval/peers/embed_fixture.py`.
pub fn embeddings_equal_those_of_sentence_transformers(model: SentenceEncoder) {
    let ours = model.encode(&sentences(), &EncodeOptions::default()).unwrap();
    let bytes = npy("minilm_embeddings.npy");
    let numbers = bytes.as_chunks::<4>().0;
    let theirs: Vec<f32> = numbers.iter().map(|&four| f32::from_le_bytes(four)).collect();
    assert_eq!(ours.as_slice().len(), theirs.len());
    let pairs = ours.as_slice().iter().zip(&theirs);
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(worst < 1e-5, "worst difference {worst}");
}

/// The lowest cosine between an embedding in f32 and the same in another dtype.
fn lowest_cosine(rounding: &SentenceEncoder) -> f64 {
    let (texts, options) = (sentences(), EncodeOptions::default());
    let exact = model().unwrap().encode(&texts, &options).unwrap();
    let rounded = rounding.encode(&texts, &options).unwrap();
    let cosines = Similarity::Cosine.paired(&exact, &rounded);
    cosines.into_iter().fold(f64::INFINITY, f64::min)
}

/// bf16 keeps 8 bits of a number; the bound is what six layers of that may cost a unit vector.
pub fn bf16_moves_embeddings_by_little(model: SentenceEncoder) {
    let lowest = lowest_cosine(&model);
    assert!((0.9995..1.).contains(&lowest), "lowest cosine {lowest}");
}

/// As bf16, and each row of activations has one scale.
pub fn int8_moves_embeddings_by_little(model: SentenceEncoder) {
    let lowest = lowest_cosine(&model.with_dtype(ComputeDtype::Int8));
    assert!((0.985..1.).contains(&lowest), "lowest cosine {lowest}");
}

pub fn a_quantized_copy_is_smaller_and_computes_as_int8_does(model: SentenceEncoder) {
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

pub fn a_saved_and_loaded_copy_gives_the_same_bits(model: SentenceEncoder) {
    let dir = tempfile::tempdir().unwrap();
    model.save_pretrained(dir.path()).unwrap();
    let copy = SentenceEncoder::from_directory(dir.path()).unwrap();
    let (texts, options) = (sentences(), EncodeOptions::default());
    assert_eq!(model.encode(&texts, &options).unwrap(), copy.encode(&texts, &options).unwrap());
}

pub fn the_size_of_a_batch_does_not_change_a_vector(model: SentenceEncoder) {
    let texts = sentences();
    let vectors = |batch_size| {
        let mut options = EncodeOptions::default();
        options.batch_size = batch_size;
        model.encode(&texts, &options).unwrap()
    };
    let (alone, together) = (vectors(1), vectors(100));
    assert_eq!(alone, together);
}
