//! Every architecture computes what transformers computes of it, learns in all its parameters,
//! and is saved as it was loaded. The models are those of `fixtures/architectures.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use serde_json::Value;
use twindrop::Result;
use twindrop::model::{Batch, ForwardOptions};
use twindrop::nn::{Backend, Gradients, Tape, Workspace};
use twindrop::objective::{Mlm, Objective, SimCse};
use twindrop::outputs::Targets;
use twindrop::pooling::Pooling;
use twindrop::random::RngKey;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::tokens::Tokens;
use twindrop::train::assert_every_parameter_learns;
use twindrop::view::{View, ViewSample};

use crate::support::{Tensors, files, fixture, reference_texts, tensors};

/// A model's directory and what transformers computes of it.
struct Case {
    dir: PathBuf,
    /// One text, or a pair.
    texts: Vec<Vec<String>>,
    /// Row-major, by name, with the shape.
    tensors: Tensors,
}

fn cases() -> Vec<Case> {
    let entries = fs::read_dir(fixture("architectures")).expect("the fixtures");
    let mut dirs: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    dirs.sort();
    assert!(dirs.len() >= 12, "a case for every architecture");
    dirs.into_iter().map(Case::open).collect()
}

impl Case {
    fn open(dir: PathBuf) -> Self {
        let path = dir.join("expected.safetensors");
        Self { texts: reference_texts(&path), tensors: tensors(&path), dir }
    }

    fn name(&self) -> &str {
        self.dir.file_name().and_then(|name| name.to_str()).expect("a name")
    }

    fn load(&self) -> SentenceEncoder {
        SentenceEncoder::from_directory(&self.dir)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    fn values(&self, name: &str) -> &[f32] {
        &self.tensors.get(name).unwrap_or_else(|| panic!("{}: {name}", self.name())).1
    }

    fn whole(&self, name: &str) -> Vec<u32> {
        self.values(name).iter().map(|&x| x as u32).collect()
    }

    /// Its texts by the model's own tokenizer.
    fn tokens(&self, encoder: &SentenceEncoder) -> Tokens {
        let tokenizer = encoder.tokenizer();
        let sequences: Vec<_> = self
            .texts
            .iter()
            .map(|texts| match &texts[..] {
                [text] => tokenizer.encode(&[text]).unwrap().remove(0),
                [first, second] => {
                    tokenizer.encode_pairs(&[(first, second)]).unwrap().remove(0)
                }
                _ => unreachable!("one text or two"),
            })
            .collect();
        Tokens::pack(&sequences, (0..sequences.len() as u64).collect())
    }

    /// Asks that `found` be within `tolerance` of what `name` is in the reference, relative to
    /// its largest number or to `scale`.
    fn check(&self, name: &str, found: &[f32], tolerance: f32, scale: f32) {
        let expected = self.values(name);
        assert_eq!(found.len(), expected.len(), "{}: {name}: numbers", self.name());
        let scale = expected.iter().fold(scale, |most, x| most.max(x.abs()));
        let worst = found.iter().zip(expected).map(|(x, y)| (x - y).abs());
        let worst =
            worst.fold(0f32, |most, x| if x.is_nan() { f32::INFINITY } else { most.max(x) });
        let allowed = tolerance * scale;
        assert!(worst <= allowed, "{}: {name} is off by {worst}, of {allowed}", self.name());
    }
}

#[test]
fn hidden_states_and_gradients_are_those_of_transformers() -> Result<()> {
    for case in cases() {
        let loaded = case.load();
        let (encoder, parameters) = (loaded.model().encoder(), loaded.model().parameters());
        let tokens = case.tokens(&loaded);
        assert_eq!(tokens.ids, case.whole("ids"), "{}: ids", case.name());
        assert_eq!(tokens.types, case.whole("types"), "{}: types", case.name());
        let layers: Vec<usize> = (0..=encoder.layers()).collect();
        let states = case.tensors.keys().filter(|name| name.starts_with("states."));
        assert_eq!(states.count(), layers.len(), "{}: layers", case.name());
        for backend in [Backend::Fused, Backend::Composed] {
            let mut tape = Tape::recording(backend, &Workspace::default());
            let states = encoder.forward(&mut tape, &tokens, &ViewSample::plain(), &layers)?;
            for (layer, state) in states.iter().enumerate() {
                case.check(&format!("states.{layer}"), &state.to_vec()?, 1e-5, 0.);
            }
            let last = std::slice::from_ref(&states[layers.len() - 1]);
            let pooled = Pooling::Mean.apply(&mut tape, last, &tokens.packing)?;
            case.check("embeddings", &pooled.to_vec()?, 1e-5, 0.);
            let probe = case.values("probe").to_vec();
            let probe = Tensor::from_vec(probe, pooled.shape(), &Device::Cpu)?;
            let store = (tape.output(&pooled)? * probe)?.sum_all()?.backward()?;
            let mut gradients = Gradients::new(parameters);
            gradients.absorb(parameters, &store)?;
            tape.backward(&store, &mut gradients)?;
            let names = case.tensors.keys().filter_map(|name| name.strip_prefix("grad."));
            // an untrained pooler has none, and is no part of the encoder
            let names: Vec<&str> = names.collect();
            let ours: Vec<&str> = parameters.iter().map(|p| p.name()).collect();
            assert_eq!(names, ours, "{}: whose gradients", case.name());
            let all = ours.iter().flat_map(|name| case.values(&format!("grad.{name}")));
            let largest = all.fold(0f32, |most, x| most.max(x.abs()));
            for parameter in parameters.iter() {
                let found = gradients.get(parameter).expect("a gradient").to_dense();
                // what cancels is not relatively near
                let name = format!("grad.{}", parameter.name());
                case.check(&name, &found, 1e-4, largest / 1e3);
            }
        }
    }
    Ok(())
}

/// In every view; the head for masked words follows a word table narrower than the model.
#[test]
fn every_parameter_learns_in_every_architecture() -> Result<()> {
    for case in cases() {
        for (objective, view) in [
            (Box::new(SimCse::default()) as Box<dyn Objective>, "dropout=model"),
            (Box::new(Mlm), "dropout=0.2"),
            (Box::new(SimCse::default()), "shuffle+token-cutoff=0.2+span=0.2+dropout=0.1"),
        ] {
            let loaded = case.load();
            let loaded = match objective.requirements().masked_tokens {
                true => loaded.with_heads(|model| model.with_masked_head(1))?,
                false => loaded,
            };
            let (model, view) = (loaded.model(), view.parse::<View>()?);
            let masking =
                objective.requirements().masked_tokens.then(|| loaded.tokenizer().masking(0.3));
            let masking = masking.transpose()?.map(|m| (m, view.sample(RngKey::new(1), 2)));
            let labels = Targets::None;
            let batch =
                Batch { tokens: case.tokens(&loaded), texts_per_example: 1, targets: labels };
            let looks = objective.requirements().passes.count(1, false) as u64;
            let passes: Vec<ViewSample> =
                (0..looks).map(|n| view.sample(RngKey::new(1), n)).collect();
            let ask = ForwardOptions { masking, ..ForwardOptions::default() };
            let (twins, trace) = model.forward(&batch, &passes, &ask)?;
            let loss = objective.loss(&twins, 0.)?.total;
            let mut gradients = Gradients::new(model.parameters());
            model.backward(&loss, trace, &mut gradients)?;
            assert_every_parameter_learns(model.parameters(), &gradients, &*objective)
                .unwrap_or_else(|error| panic!("{}, {view}: {error}", case.name()));
        }
    }
    Ok(())
}

fn single(case: &Case) -> Vec<&str> {
    case.texts.iter().filter(|texts| texts.len() == 1).map(|texts| &*texts[0]).collect()
}

#[test]
fn a_sentence_has_one_vector_in_any_company() -> Result<()> {
    let options = EncodeOptions::default();
    for case in cases() {
        let (loaded, texts) = (case.load(), single(&case));
        let together = loaded.encode(&texts, &options)?;
        for (nth, text) in texts.iter().enumerate() {
            let alone = loaded.encode(&[text], &options)?;
            assert_eq!(alone.row(0), together.row(nth), "{}: \"{text}\"", case.name());
        }
    }
    Ok(())
}

#[test]
fn a_model_is_saved_as_it_was_loaded() -> Result<()> {
    let options = EncodeOptions::default();
    for case in cases() {
        let place = tempfile::tempdir().expect("a place");
        let (base, saved) = (place.path().join("base"), place.path().join("saved"));
        fs::create_dir(&base).expect("a folder");
        for (name, content) in files(&case.dir) {
            fs::write(base.join(name), content).expect("a file");
        }
        for name in ["sentencepiece.bpe.model", "merges.txt", "special_tokens_map.json"] {
            fs::write(base.join(name), format!("{{\"{name}\": 1}}")).expect("a file");
        }
        let loaded = SentenceEncoder::from_directory(&base)?;
        loaded.save_pretrained(&saved)?;
        let again = SentenceEncoder::from_directory(&saved)?;
        let texts = single(&case);
        let vectors = loaded.encode(&texts, &options)?;
        assert_eq!(again.encode(&texts, &options)?, vectors, "{}", case.name());
        let (before, after) = (files(&base), files(&saved));
        for name in ["sentencepiece.bpe.model", "merges.txt", "special_tokens_map.json"] {
            assert_eq!(after.get(name), before.get(name), "{}: {name}", case.name());
        }
        let json = |files: &BTreeMap<String, Vec<u8>>, name: &str| -> Value {
            serde_json::from_slice(&files[name]).expect("JSON")
        };
        for file in ["config.json", "tokenizer_config.json"] {
            let (before, after) = (json(&before, file), json(&after, file));
            for (key, value) in before.as_object().expect("an object") {
                let same = value == &after[key]
                    || value.as_f64().is_some_and(|x| {
                        after[key].as_f64().is_some_and(|y| (x - y).abs() <= 1e-7 * x.abs())
                    });
                assert!(same, "{}: {key} was {value}, is {}", case.name(), after[key]);
            }
        }
        let weights = &after["model.safetensors"];
        let weights = SafeTensors::deserialize(weights).expect("tensors");
        for parameter in loaded.model().parameters().iter() {
            assert!(weights.tensor(parameter.name()).is_ok(), "{}", parameter.name());
        }
    }
    Ok(())
}

/// A directory without `tokenizer_config.json` says nothing of its tokenizer's kind: what is
/// saved must not call it BERT's.
#[test]
fn a_tokenizer_that_nobody_named_is_saved_by_what_it_is() -> Result<()> {
    for case in cases() {
        let place = tempfile::tempdir().expect("a place");
        let (base, saved) = (place.path().join("base"), place.path().join("saved"));
        fs::create_dir(&base).expect("a folder");
        for (name, content) in files(&case.dir) {
            if name != "tokenizer_config.json" {
                fs::write(base.join(name), content).expect("a file");
            }
        }
        SentenceEncoder::from_directory(&base)?.save_pretrained(&saved)?;
        let now: Value =
            serde_json::from_slice(&files(&saved)["tokenizer_config.json"]).expect("JSON");
        let was: Value =
            serde_json::from_slice(&files(&case.dir)["tokenizer_config.json"]).expect("JSON");
        for key in ["tokenizer_class", "pad_token", "unk_token", "cls_token", "sep_token"] {
            assert_eq!(now[key], was[key], "{}: {key}", case.name());
        }
    }
    Ok(())
}
