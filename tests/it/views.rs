//! What a view promises, over sentences and batches nobody chose.

use proptest::prelude::*;
use std::sync::Arc;
use twindrop::encoder::{Bag, BagConfig};
use twindrop::model::Model;
use twindrop::nn::{Backend, Packing, Parameters};
use twindrop::pooling::Pooling;
use twindrop::random::RngKey;
use twindrop::sentence_encoder::SentenceEncoder;
use twindrop::tokens::Tokens;
use twindrop::view::{View, ViewSample};

use crate::support::tiny;

const WIDTH: usize = 10;

fn packing(lengths: &[usize], first: u64) -> Arc<Packing> {
    let samples = (first..first + lengths.len() as u64).collect();
    Arc::new(Packing::new(lengths.iter().copied(), samples))
}

fn pass(view: &str, step: u64, number: u64) -> ViewSample {
    view.parse::<View>().unwrap().sample(RngKey::new(7).fold_in(step), number)
}

/// What is zero of a sentence alone: (rows, columns, cells), by their place in the sentence.
type Cut = (Vec<u32>, Vec<u32>, Vec<(u32, u32)>);

fn cut_of(pass: &ViewSample, packing: &Packing, sentence: usize) -> Cut {
    let cut = pass.cutoff(packing, WIDTH);
    let range = packing.range(sentence);
    let (start, end) = (range.start as u32, range.end as u32);
    let within = |token: &u32| (start..end).contains(token);
    let tokens = cut.tokens.iter().copied().filter(within).map(|t| t - start).collect();
    let features = cut.features.iter().filter(|(rows, _)| *rows == range);
    let features = features.flat_map(|(_, columns)| columns.clone()).collect();
    let cells = cut.cells.iter().filter(|(token, _)| within(token));
    (tokens, features, cells.map(|(token, column)| (token - start, *column)).collect())
}

proptest! {
    #[test]
    fn counts_are_exact_and_only_real_tokens_are_touched(
        lengths in prop::collection::vec(1usize..40, 1..8), rate in 0.0f64..1., step in 0u64..50,
    ) {
        let packing = packing(&lengths, 0);
        let floor = |of: usize| (rate * of as f64).floor() as usize;
        for (sentence, &len) in lengths.iter().enumerate() {
            let cut = |view: String| cut_of(&pass(&view, step, 0), &packing, sentence);
            let (mut tokens, ..) = cut(format!("token-cutoff={rate}"));
            prop_assert_eq!(tokens.len(), floor(len));
            tokens.sort_unstable();
            tokens.dedup();
            prop_assert_eq!(tokens.len(), floor(len), "a row is cut once");
            prop_assert!(tokens.iter().all(|&token| (token as usize) < len));
            let (_, features, _) = cut(format!("feature-cutoff={rate}"));
            prop_assert_eq!(features.len(), floor(WIDTH));
            prop_assert!(features.iter().all(|&column| (column as usize) < WIDTH));
            let (_, _, mut cells) = cut(format!("element-cutoff={rate}"));
            cells.sort_unstable();
            cells.dedup();
            prop_assert_eq!(cells.len(), floor(len * WIDTH));
        }
        let all = pass(&format!("element-cutoff={rate}"), step, 0).cutoff(&packing, WIDTH);
        let inside = |t: u32| (t as usize) < packing.tokens();
        prop_assert!(all.cells.iter().all(|&(t, d)| inside(t) && (d as usize) < WIDTH));
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_a_span_one_run(
        lengths in prop::collection::vec(1usize..40, 1..8), rate in 0.0f64..1., step in 0u64..50,
    ) {
        let packing = packing(&lengths, 0);
        let positions = pass("shuffle", step, 0).positions(&packing);
        for range in packing.ranges() {
            let mut of = positions[range.clone()].to_vec();
            of.sort_unstable();
            prop_assert_eq!(of, (0..range.len() as u32).collect::<Vec<_>>());
        }
        for view in [format!("span={rate}"), format!("span-inside={rate}")] {
            let kept = pass(&view, step, 0).kept_tokens(&packing).unwrap();
            for range in packing.ranges() {
                let of = kept.iter().filter(|&&token| range.contains(&(token as usize))).count();
                prop_assert_eq!(of, range.len() - (rate * range.len() as f64).floor() as usize);
                prop_assert!(of > 0, "a sentence keeps a token");
            }
        }
    }

    #[test]
    fn a_draw_does_not_depend_on_the_rest_of_the_batch(
        lengths in prop::collection::vec(1usize..30, 2..7), at in 0usize..6, step in 0u64..50,
    ) {
        let at = at % lengths.len();
        let (batch, alone) = (packing(&lengths, 0), packing(&lengths[at..=at], at as u64));
        for view in ["token-cutoff=0.4", "feature-cutoff=0.4", "element-cutoff=0.4"] {
            let pass = pass(view, step, 1);
            prop_assert_eq!(cut_of(&pass, &batch, at), cut_of(&pass, &alone, 0));
        }
        let pass = pass("shuffle+span=0.3", step, 1);
        let positions = pass.positions(&batch)[batch.range(at)].to_vec();
        prop_assert_eq!(positions, pass.positions(&alone));
        let start = batch.range(at).start as u32;
        let kept = pass.kept_tokens(&batch).unwrap().into_iter();
        let kept = kept.filter(|&t| batch.range(at).contains(&(t as usize)));
        prop_assert_eq!(kept.map(|t| t - start).collect::<Vec<_>>(), pass.kept_tokens(&alone).unwrap());
    }
}

#[test]
fn the_two_views_of_a_step_differ_and_so_do_steps() {
    let packing = packing(&[30, 25, 31], 0);
    for view in ["token-cutoff=0.3", "element-cutoff=0.1"] {
        let cut = |step, number| pass(view, step, number).cutoff(&packing, WIDTH);
        assert_eq!(cut(1, 0), cut(1, 0), "{view} repeats");
        assert_ne!(cut(1, 0), cut(1, 1), "{view}: two views");
        assert_ne!(cut(1, 0), cut(2, 0), "{view}: two steps");
    }
    let kept = |number| pass("span=0.3", 1, number).kept_tokens(&packing);
    assert_ne!(kept(0), kept(1));
}

fn encoder() -> SentenceEncoder {
    let texts = ["a cat sleeps on the mat", "two dogs run", "the rain falls all day long"];
    tiny(texts, 3)
}

fn tokens(encoder: &SentenceEncoder) -> Tokens {
    let texts = ["a cat sleeps on the mat", "two dogs run", "the rain falls all day long"];
    let sequences = encoder.tokenizer().encode(&texts).unwrap();
    Tokens::pack(&sequences, vec![4, 5, 6])
}

#[test]
fn none_is_the_sentence_as_it_is_bit_for_bit() {
    let encoder = encoder();
    let tokens = tokens(&encoder);
    let see = |pass: &ViewSample| encoder.model().embed(&tokens, pass).unwrap();
    let plain = see(&ViewSample::plain());
    assert_eq!(plain, see(&pass("none+dropout=off", 3, 1)));
    for rate in ["span=0", "token-cutoff=0", "feature-cutoff=0", "element-cutoff=0"] {
        assert_eq!(plain, see(&pass(&format!("{rate}+dropout=off"), 3, 1)), "{rate}");
    }
    assert_ne!(plain, see(&pass("none", 3, 1)), "the network's own dropout");
}

#[test]
fn a_view_pools_its_own_way() {
    let encoder = encoder();
    let tokens = tokens(&encoder);
    let seen = encoder.model().embed(&tokens, &pass("pooling=max+dropout=off", 0, 0)).unwrap();
    let other = encoder.with_pooling(Pooling::Max);
    assert_eq!(seen, other.model().embed(&tokens, &ViewSample::plain()).unwrap());
}

/// A bag of word vectors has no positions: a span is then the mean of what it leaves.
#[test]
fn tokens_outside_a_view_are_not_there() {
    let config = BagConfig { vocab_size: 50, hidden_size: 4, hidden_dropout_prob: 0. };
    let specs = Bag::specs(&config);
    let parameters = Parameters::initial(specs, 1, &candle_core::Device::Cpu).unwrap();
    let words = parameters.get("embeddings.word_embeddings.weight").unwrap();
    for backend in [Backend::Fused, Backend::Composed] {
        let bag = Box::new(Bag::new(config.clone(), &parameters).unwrap());
        let model = Model::new(bag, Pooling::Mean, parameters.clone()).with_backend(backend);
        let packing = packing(&[6, 9], 0);
        let ids: Vec<u32> = (0..15).map(|i| i * 3 + 1).collect();
        let tokens = Tokens { types: vec![0; 15], ids: ids.clone(), packing: packing.clone() };
        let pass = pass("span=0.5+dropout=off", 1, 0);
        let seen = model.embed(&tokens, &pass).unwrap();
        let kept = pass.kept_tokens(&packing).unwrap();
        for (sentence, range) in packing.ranges().enumerate() {
            let of: Vec<u32> =
                kept.iter().copied().filter(|&t| range.contains(&(t as usize))).collect();
            for column in 0..4 {
                let value = |t: &u32| {
                    words.with(|w| w[ids[*t as usize] as usize * 4 + column]).unwrap()
                };
                let mean = of.iter().map(value).sum::<f32>() / of.len() as f32;
                assert!((mean - seen[sentence * 4 + column]).abs() < 1e-5);
            }
        }
    }
}
