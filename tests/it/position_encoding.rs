//! What is near is said by positions, and noise by its address: an encoder that reads distances
//! means by a view what BERT means by it. The models are those of `fixtures/newer_cases.py`.

use twindrop::Result;
use twindrop::nn::{Backend, ComputeDtype, Tape, Workspace};
use twindrop::pooling::Pooling;
use twindrop::random::RngKey;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::tokens::Tokens;
use twindrop::vectors::Similarity;
use twindrop::view::{View, ViewSample};

use crate::support::fixture;

const MODELS: [&str; 11] = [
    "deberta-c2p",
    "deberta-p2c-every-distance",
    "deberta-v2-convolution",
    "deberta-v3",
    "deberta-without-distances",
    "modernbert",
    "modernbert-biased",
    "nomic",
    "nomic-interleaved-part",
    "nomic-scaled",
    "nomic-table",
];

const LONG: &str =
    "dogs run in the park and the cat sleeps on the mat while a man plays a flute";

fn model(name: &str) -> SentenceEncoder {
    SentenceEncoder::from_directory(fixture("architectures").join(name)).unwrap()
}

fn tokens(model: &SentenceEncoder, texts: &[&str], samples: Vec<u64>) -> Tokens {
    Tokens::pack(&model.tokenizer().encode(texts).unwrap(), samples)
}

/// The last hidden state, row by row.
fn look(model: &SentenceEncoder, tokens: &Tokens, pass: &ViewSample) -> Result<Vec<Vec<f32>>> {
    let encoder = model.model().encoder();
    let mut tape = Tape::inference(Backend::Fused, &Workspace::default());
    let states = encoder.forward(&mut tape, tokens, pass, &[encoder.layers()])?;
    Ok(states[0].to_vec()?.chunks(encoder.width()).map(<[f32]>::to_vec).collect())
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0., |most, (a, b)| most.max((a - b).abs()))
}

#[test]
fn tokens_at_shuffled_positions_are_a_shuffled_sentence() -> Result<()> {
    for name in MODELS {
        let model = model(name);
        let given = tokens(&model, &[LONG, "the cat sleeps"], vec![0, 1]);
        let ranges = || given.packing.ranges();
        // even places come first, then the odd ones backwards
        let move_to =
            |t: usize, len: usize| if t.is_multiple_of(2) { t / 2 } else { len - 1 - t / 2 };
        let positions: Vec<u32> = ranges()
            .flat_map(|range| (0..range.len()).map(move |t| move_to(t, range.len()) as u32))
            .collect();
        let mut moved = given.clone();
        let places: Vec<usize> = ranges()
            .flat_map(|range| range.clone().map(move |t| (t, range.start)))
            .map(|(t, start)| start + positions[t] as usize)
            .collect();
        for (t, &place) in places.iter().enumerate() {
            (moved.ids[place], moved.types[place]) = (given.ids[t], given.types[t]);
        }
        let shuffled = look(&model, &given, &ViewSample::plain().with_positions(positions))?;
        let plain = look(&model, &moved, &ViewSample::plain())?;
        for (t, &place) in places.iter().enumerate() {
            let apart = apart(&shuffled[t], &plain[place]);
            assert!(apart < 1e-5, "{name}: token {t} is off by {apart}");
        }
    }
    Ok(())
}

#[test]
fn a_sentence_drops_the_same_in_any_company() -> Result<()> {
    for name in MODELS {
        let model = model(name);
        for view in ["dropout=0.3", "dropout=0.3+shuffle+feature-cutoff=0.3"] {
            let pass = view.parse::<View>()?.sample(RngKey::new(3), 0);
            let alone = look(&model, &tokens(&model, &["the cat sleeps"], vec![9]), &pass)?;
            let company = [LONG, "the cat sleeps", "x"];
            let together = tokens(&model, &company, vec![4, 9, 5]);
            let range = together.packing.range(1);
            let apart =
                apart(&alone.concat(), &look(&model, &together, &pass)?[range].concat());
            assert!(apart < 1e-5, "{name}, {view}: off by {apart}");
        }
    }
    Ok(())
}

#[test]
fn dropout_is_the_models_or_the_views() -> Result<()> {
    for name in MODELS {
        let model = model(name);
        let tokens = tokens(&model, &[LONG], vec![2]);
        let see = |view: &str, number| -> Result<Vec<f32>> {
            let pass = view.parse::<View>()?.sample(RngKey::new(3), number);
            Ok(look(&model, &tokens, &pass)?.concat())
        };
        let plain = look(&model, &tokens, &ViewSample::plain())?.concat();
        assert_eq!(see("dropout=off", 0)?, plain, "{name}");
        for view in ["dropout=model", "dropout=0.3"] {
            assert_eq!(see(view, 0)?, see(view, 0)?, "{name}, {view}: the same look");
            assert!(apart(&see(view, 0)?, &see(view, 1)?) > 1e-3, "{name}, {view}: two looks");
            assert!(apart(&see(view, 0)?, &plain) > 1e-3, "{name}, {view}: against none");
        }
        assert!(apart(&see("dropout=model", 0)?, &see("dropout=0.3", 0)?) > 1e-3, "{name}");
    }
    Ok(())
}

#[test]
fn fewer_bits_move_embeddings_by_little() -> Result<()> {
    let texts = [LONG, "the cat sleeps", "a man plays a flute"];
    let options = EncodeOptions::default();
    for name in MODELS {
        let exact = model(name).with_pooling(Pooling::Mean).encode(&texts, &options)?;
        for (dtype, bound) in [(ComputeDtype::Bf16, 0.995), (ComputeDtype::Int8, 0.98)] {
            let rounding =
                model(name).with_pooling(Pooling::Mean).with_dtype(dtype.available());
            let cosines =
                Similarity::Cosine.paired(&exact, &rounding.encode(&texts, &options)?);
            let worst = cosines.into_iter().fold(1., f64::min);
            assert!(worst > bound, "{name}, {dtype:?}: lowest cosine {worst}");
        }
    }
    Ok(())
}
