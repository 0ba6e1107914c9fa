//! An encoder written outside the crate, wrapped by `SentenceEncoder::new`, trained and used.
//! `cargo run --release --example 13_own_encoder`
//!
//! The model is one feed-forward layer over word embeddings: h = LayerNorm(e + W·e + b), with e the
//! embedding of a token, then mean pooling.

use candle_core::Device;
use twindrop::data::{ReadOptions, read};
use twindrop::encoder::Encoder;
use twindrop::eval::Evaluator;
use twindrop::model::Model;
use twindrop::nn::{Init, ParamSpec, Parameter, Parameters, Tape, TapeTensor};
use twindrop::pooling::Pooling;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::tokens::{Tokenizer, Tokens};
use twindrop::train::{Run, RunConfig, evaluator};
use twindrop::view::ViewSample;

/// Dimensions of a token.
const WIDTH: usize = 64;

/// Tokens of a sentence at most.
const LENGTH: usize = 64;

struct FeedForward {
    words: Parameter,
    weight: Parameter,
    bias: Parameter,
    norm: [Parameter; 2],
}

impl FeedForward {
    fn specs(vocabulary: usize) -> Vec<ParamSpec> {
        vec![
            ParamSpec::table("words", [vocabulary, WIDTH], 0.1),
            ParamSpec::weight("layer.weight", [WIDTH, WIDTH], 0.1),
            ParamSpec::vector("layer.bias", WIDTH, Init::Zeros),
            ParamSpec::vector("norm.weight", WIDTH, Init::Ones),
            ParamSpec::vector("norm.bias", WIDTH, Init::Zeros),
        ]
    }

    fn new(parameters: &Parameters) -> twindrop::Result<Self> {
        Ok(Self {
            words: parameters.get("words")?,
            weight: parameters.get("layer.weight")?,
            bias: parameters.get("layer.bias")?,
            norm: [parameters.get("norm.weight")?, parameters.get("norm.bias")?],
        })
    }
}

impl Encoder for FeedForward {
    fn forward(
        &self,
        tape: &mut Tape,
        tokens: &Tokens,
        view: &ViewSample,
        keep: &[usize],
    ) -> twindrop::Result<Vec<TapeTensor>> {
        let e = tape.embedding_sum(vec![(self.words.clone(), tokens.ids.clone())])?; // (T, D)
        let e = view.apply_augmentations(tape, &e, 0.1, &tokens.packing)?;
        let x = tape.linear(&e, &self.weight, &self.bias)?; // (T, D)
        let [weight, bias] = &self.norm;
        let h = tape.add_norm(&x, Some(&e), None, [weight, bias], 1e-5)?; // (T, D)
        Ok(keep.iter().map(|&layer| if layer == 0 { e.clone() } else { h.clone() }).collect())
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn layers(&self) -> usize {
        1
    }

    fn max_positions(&self) -> usize {
        LENGTH
    }

    fn word_embeddings(&self) -> &Parameter {
        &self.words
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "model_type": "feed-forward", "hidden_size": WIDTH })
    }
}

const RUN: &str = r#"
    learning-rate = 3e-3

    [[stage]]
    num-train-epochs = 2

    [[stage.cycle]]
    objective = "rdrop"
    data = "given below"
"#;

fn main() -> twindrop::Result<()> {
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/sample");
    let train = read(&sample.join("train.tsv"), &ReadOptions::default())?;
    let dev = read(&sample.join("dev.tsv"), &ReadOptions::default())?;

    let tokenizer = Tokenizer::train(train.sentences(), 2000, LENGTH)?;
    let specs = FeedForward::specs(tokenizer.vocabulary_size());
    let parameters = Parameters::initial(specs, 42, &Device::Cpu)?;
    let encoder = Box::new(FeedForward::new(&parameters)?);
    let encoder =
        SentenceEncoder::new(Model::new(encoder, Pooling::Mean, parameters), tokenizer)?;

    let before = evaluator(&dev)?.score(&encoder)?.unwrap_or(f64::NAN);
    let config: RunConfig = toml::from_str(RUN).expect("the text above is a run file");
    let run = Run::with_data(&config, encoder, &[train], Some(&dev), None)?;
    let (encoder, best) = run.run(&mut |_| Ok(()))?;
    let after = best.best.map_or(f64::NAN, |(score, _step)| score);
    println!("dev, Spearman × 100: {:.2} -> {:.2}", 100. * before, 100. * after);

    let embedding = encoder.encode_one("A cat sleeps.", &EncodeOptions::default())?;
    println!("an embedding of {} dimensions", embedding.len());
    Ok(())
}
