//! A whitening as a layer of a saved model: what it does, and that it stays.

use twindrop::eval::Geometry;
use twindrop::nn::Activation;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::vectors::Embeddings;
use twindrop::vectors::Whitening;

use crate::support::{TestDir, files, succeed, tiny};

/// Enough different sentences to tell how the numbers of the smallest preset vary.
fn texts() -> Vec<String> {
    let (who, does) = (["a man", "the cat", "two dogs", "she", "a small child"], 60);
    let words = ["runs", "sleeps", "eats", "plays", "sings", "swims", "reads"];
    let sentence = |i: usize| {
        let (verb, other) = (words[i % words.len()], words[(i / 7) % words.len()]);
        format!("{} {verb} and {other} {}", who[i % who.len()], "again ".repeat(i % 4))
    };
    (0..who.len() * does).map(sentence).collect()
}

fn model() -> SentenceEncoder {
    let texts = texts();
    tiny(texts.iter().map(String::as_str), 7)
}

fn raw() -> EncodeOptions {
    let mut options = EncodeOptions::default();
    options.skip_normalize = true;
    options
}

fn worst(a: &Embeddings, b: &Embeddings) -> f32 {
    assert_eq!((a.rows(), a.width()), (b.rows(), b.width()));
    let pairs = a.as_slice().iter().zip(b.as_slice());
    pairs.map(|(a, b)| (a - b).abs()).fold(0., f32::max)
}

#[test]
fn a_model_gives_what_its_whitening_gives_and_keeps_it_in_its_directory() {
    let (model, texts, place) = (model(), texts(), tempfile::tempdir().unwrap());
    let before = model.encode(&texts, &raw()).unwrap();
    for whitening in [
        Whitening::fit(&before, Some(12)).unwrap(),
        Whitening::all_but_the_top(&before, 2).unwrap(),
    ] {
        let expected = whitening.apply(&before);
        let whitened = self::model().with_whitening(&whitening).unwrap();
        assert_eq!(whitened.get_embedding_dimension(), whitening.outputs());
        let found = whitened.encode(&texts, &raw()).unwrap();
        assert!(worst(&found, &expected) < 2e-4, "{}", worst(&found, &expected));
        whitened.save_pretrained(place.path()).unwrap();
        let loaded = SentenceEncoder::from_directory(place.path()).unwrap();
        assert_eq!(loaded.model().dense().unwrap().config().activation, Activation::Identity);
        assert_eq!(loaded.encode(&texts, &raw()).unwrap(), found);
    }
}

#[test]
fn a_second_whitening_joins_the_first() {
    let (model, texts, options) = (model(), texts(), raw());
    let before = model.encode(&texts, &options).unwrap();
    let first = Whitening::all_but_the_top(&before, 2).unwrap();
    let once = model.with_whitening(&first).unwrap();
    let middle = once.encode(&texts, &options).unwrap();
    let second = Whitening::fit(&middle, Some(9)).unwrap();
    let expected = second.apply(&middle);
    let twice = once.with_whitening(&second).unwrap();
    let found = twice.encode(&texts, &options).unwrap();
    assert!(worst(&found, &expected) < 2e-4, "{}", worst(&found, &expected));
    let names = twice.model().parameters().iter().filter(|p| p.name().starts_with("dense."));
    assert_eq!(names.count(), 2);
}

#[test]
fn a_whitening_of_another_width_is_refused() {
    let (model, texts) = (model(), texts());
    let before = model.encode(&texts, &raw()).unwrap();
    let narrow = Whitening::fit(&before, Some(9)).unwrap();
    let once = model.with_whitening(&narrow).unwrap();
    let error = once.with_whitening(&narrow).err().expect("widths disagree").to_string();
    assert!(
        error.starts_with("the model has 9 dimensions, but the whitening was fitted"),
        "{error}"
    );
}

#[test]
fn the_program_writes_the_same_model_on_any_number_of_threads() {
    let place = TestDir::new();
    model().save_pretrained(place.path("model")).unwrap();
    place.write("texts.txt", texts().join("\n"));
    let whiten = |threads: &str, out: &str| {
        let mut program = place.program("whiten --model model --data texts.txt --dim 12");
        succeed(program.args(["--output-dir", out, "--threads", threads]));
        files(place.path(out))
    };
    let one = whiten("1", "a");
    assert!(one.contains_key("2_Dense/model.safetensors"));
    assert!(one == whiten("3", "b"));
    let loaded = SentenceEncoder::from_directory(place.path("a")).unwrap();
    let vectors = loaded.encode(&texts(), &EncodeOptions::default()).unwrap();
    let before = Geometry::of(&model().encode(&texts(), &raw()).unwrap(), &[]);
    let after = Geometry::of(&vectors, &[]);
    let rank = |geometry: &Geometry| geometry.effective_rank.unwrap();
    assert!(rank(&after) > 1.5 * rank(&before), "{} {}", rank(&before), rank(&after));
    assert!(after.mean_cosine.unwrap().abs() < before.mean_cosine.unwrap());
}
