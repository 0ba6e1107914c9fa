//! An embedding has the same bits alone, in any batch, in any order and on any number of threads, on
//! every instruction set; int8 embeddings have the same bits on all of them.

use proptest::prelude::*;
use std::sync::LazyLock;
use twindrop::nn::ComputeDtype;
use twindrop::sentence_encoder::{EncodeOptions, Preset, SentenceEncoder};

use crate::support::{TestDir, succeed};

/// The values of `TWINDROP_MAX_CPU_ISA`.
const LEVELS: [&str; 7] =
    ["portable", "avx2", "avx2_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"];

/// A sentence of 1 to 60 words.
fn sentence(words: &[u8]) -> String {
    const WORDS: [&str; 8] =
        ["cat", "sleeps", "on", "the", "warm", "roof", "while", "children play"];
    let words = words.iter().map(|&word| WORDS[usize::from(word) % WORDS.len()]);
    words.collect::<Vec<_>>().join(" ")
}

fn sentences() -> Vec<String> {
    (0..120u8)
        .map(|i| {
            let length = 1 + usize::from(i) * 37 % 60;
            sentence(
                &(0..length).map(|j| i.wrapping_mul(31) ^ (j * j) as u8).collect::<Vec<_>>(),
            )
        })
        .collect()
}

fn encoder(dtype: ComputeDtype) -> SentenceEncoder {
    let texts = sentences();
    let texts = texts.iter().map(String::as_str);
    SentenceEncoder::fresh(Preset::Mini, texts, 7).expect("a model").with_dtype(dtype)
}

static ENCODERS: LazyLock<Vec<SentenceEncoder>> =
    LazyLock::new(|| ComputeDtype::ALL.into_iter().map(encoder).collect());

fn bits(encoder: &SentenceEncoder, texts: &[String], batch: usize) -> Vec<Vec<u32>> {
    let options = EncodeOptions::default().with_batch_size(batch);
    let embeddings = encoder.encode(texts, &options).expect("embeddings");
    let width = encoder.get_embedding_dimension();
    let rows = embeddings.as_slice().chunks(width);
    rows.map(|row| row.iter().map(|x| x.to_bits()).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn an_embedding_has_the_same_bits_in_any_batch(
        texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 1..60),
        batch in 1usize..=256,
        threads in 1usize..=4,
        turn in any::<usize>(),
    ) {
        let texts: Vec<String> = texts.iter().map(|words| sentence(words)).collect();
        let turn = turn % texts.len();
        let mut turned = texts.clone();
        turned.rotate_left(turn);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for encoder in &*ENCODERS {
            let mut together = pool.install(|| bits(encoder, &turned, batch));
            together.rotate_right(turn);
            for (text, together) in texts.iter().zip(&together) {
                let alone = bits(encoder, std::slice::from_ref(text), 1);
                prop_assert_eq!(&alone[0], together, "{}", text);
            }
        }
    }
}

/// What `twindrop embed` writes on an instruction set.
fn embed(dir: &TestDir, isa: &str, dtype: &str, more: &[&str]) -> Vec<u8> {
    let output = format!("out-{isa}-{dtype}.npy");
    let mut program = dir.program("embed --model model --input in.txt --output");
    program.arg(&output).args(["--dtype", dtype]).args(more);
    succeed(program.env("TWINDROP_MAX_CPU_ISA", isa));
    dir.read(output)
}

#[test]
fn int8_embeddings_have_the_same_bits_on_every_instruction_set() {
    let dir = TestDir::new();
    encoder(ComputeDtype::F32).save_pretrained(dir.path("model")).unwrap();
    dir.write("in.txt", sentences().join("\n"));
    for dtype in ["int8", "float32"] {
        // `f32` products are rounded twice a step on x86 CPUs without FMA
        let levels = if dtype == "int8" { &LEVELS[..] } else { &LEVELS[1..] };
        let first = embed(&dir, levels[0], dtype, &[]);
        for (level, threads) in levels.iter().zip(["1", "2", "3", "4", "1", "2", "3"]) {
            let more = ["--threads", threads, "--batch-size", threads];
            assert!(embed(&dir, level, dtype, &more) == first, "{dtype} {level}");
        }
    }
}

#[test]
fn an_unknown_instruction_set_is_refused() {
    let dir = TestDir::new();
    let mut program = dir.program("recipes");
    let output = program.env("TWINDROP_MAX_CPU_ISA", "avx3").output().expect("the program");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("TWINDROP_MAX_CPU_ISA=avx3: unknown instruction set"),
        "{message}"
    );
    assert!(message.contains("portable, avx2, avx2_vnni"), "{message}");
}
