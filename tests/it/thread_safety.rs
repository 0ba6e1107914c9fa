//! One encoder is shared between threads, and says the same to each.

use twindrop::data::{self, ReadOptions};
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::train::{Run, TensorBoard};

use crate::support::{sample, tiny};

fn texts() -> Vec<String> {
    let sample =
        data::read(&sample("unlabelled.txt"), &ReadOptions::default()).expect("the sample");
    sample.sentences().take(200).map(String::from).collect()
}

#[test]
fn an_encoder_can_be_sent_and_shared() {
    fn is_shared<T: Send + Sync>() {}
    fn is_sent<T: Send>() {}
    is_shared::<SentenceEncoder>();
    is_shared::<EncodeOptions>();
    is_sent::<Run>();
    is_sent::<TensorBoard>();
}

#[test]
fn many_threads_at_once_get_the_bits_of_one() {
    let texts = texts();
    let words = texts.iter().map(String::as_str);
    let encoder = tiny(words, 7);
    let options = EncodeOptions::default().with_batch_size(16).with_normalize_embeddings(true);
    let bits = |texts: &[String]| -> Vec<u32> {
        let vectors = encoder.encode(texts, &options).expect("vectors");
        vectors.as_slice().iter().map(|x| x.to_bits()).collect()
    };
    // before anything is packed, all at once; each begins elsewhere
    let turned = |by: usize| {
        let mut turned = texts.clone();
        turned.rotate_left(by * 20);
        turned
    };
    let found: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let tasks: Vec<_> = (0..8).map(|by| scope.spawn(move || bits(&turned(by)))).collect();
        tasks.into_iter().map(|task| task.join().expect("no panic")).collect()
    });
    let width = encoder.get_embedding_dimension();
    for (by, mut found) in found.into_iter().enumerate() {
        found.rotate_right(by * 20 * width);
        assert!(found == bits(&texts), "thread {by}");
    }
}

#[test]
fn options_are_said_one_after_the_other() {
    let options = EncodeOptions::default();
    assert_eq!((options.batch_size, options.truncate_text), (32, true));
    let options = options
        .with_batch_size(8)
        .with_normalize_embeddings(true)
        .with_truncate_dim(64)
        .with_truncate_text(false);
    assert_eq!((options.batch_size, options.truncate_dim), (8, Some(64)));
    assert!(options.normalize_embeddings && !options.truncate_text);
    let vectors = tiny(["a cat sleeps"], 1).encode(&["a cat"], &options);
    assert_eq!(vectors.expect("a vector").width(), 64);
}
