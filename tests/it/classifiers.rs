//! Classifiers of transformers compute what it computes of them, learn the same, and are saved as
//! they were loaded. The models are those of `fixtures/classifiers.py`.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::Value;
use twindrop::heads::SequenceHead;
use twindrop::model::{Batch, ForwardOptions};
use twindrop::nn::Gradients;
use twindrop::objective::{Objective, Softmax};
use twindrop::outputs::Targets;
use twindrop::sentence_encoder::{HeadDescription, SentenceEncoder, TextClassifier};
use twindrop::tokens::Tokens;
use twindrop::vectors::Embeddings;
use twindrop::view::ViewSample;

use crate::support::{Tensors, fixture, reference_texts, tensors};

struct Case {
    dir: PathBuf,
    /// One text, or a pair.
    texts: Vec<Vec<String>>,
    expected: Tensors,
}

fn cases() -> Vec<Case> {
    let entries = fs::read_dir(fixture("classifiers")).expect("the fixtures");
    let mut dirs: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    dirs.sort();
    assert_eq!(dirs.len(), 11, "a case for every class, two of ModernBERT");
    dirs.into_iter().map(Case::open).collect()
}

impl Case {
    fn open(dir: PathBuf) -> Self {
        let path = dir.join("expected.safetensors");
        Self { texts: reference_texts(&path), expected: tensors(&path), dir }
    }

    fn name(&self) -> &str {
        self.dir.file_name().and_then(|name| name.to_str()).expect("a name")
    }

    fn load(&self) -> TextClassifier {
        let path = self.dir.to_str().expect("a path of UTF-8");
        TextClassifier::from_pretrained(path)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    /// Logits of all texts, which are of one text or two.
    fn logits(&self, model: &TextClassifier) -> Vec<f32> {
        let row = |texts: &Vec<String>| {
            let example = texts.iter().map(String::as_str).collect();
            model.logits(&[example]).unwrap_or_else(|error| panic!("{}: {error}", self.name()))
        };
        let rows: Vec<Embeddings> = self.texts.iter().map(row).collect();
        rows.iter().flat_map(|row| row.as_slice().to_vec()).collect()
    }

    /// Asks that `found` be near what `name` is in the reference, relative to its largest number
    /// or to `scale`.
    fn check(&self, name: &str, found: &[f32], tolerance: f32, scale: f32) {
        let (_, expected) =
            self.expected.get(name).unwrap_or_else(|| panic!("{}: {name}", self.name()));
        assert_eq!(found.len(), expected.len(), "{}: {name}: numbers", self.name());
        let scale = expected.iter().fold(scale, |most, x| most.max(x.abs()));
        for (x, y) in found.iter().zip(expected) {
            let off = (x - y).abs();
            assert!(off <= tolerance * scale, "{}: {name}: {x}, expected {y}", self.name());
        }
    }
}

#[test]
fn logits_are_those_of_transformers() {
    for case in cases() {
        let model = case.load();
        assert_eq!(model.labels(), ["no", "maybe", "yes"], "{}", case.name());
        case.check("logits", &case.logits(&model), 1e-5, 1.);
    }
}

#[test]
fn gradients_of_the_cross_entropy_are_those_of_transformers() -> twindrop::Result<()> {
    for case in cases() {
        let classifier = case.load();
        let (model, tokenizer) =
            (classifier.encoder().model(), classifier.encoder().tokenizer());
        let sequences: Vec<_> = case
            .texts
            .iter()
            .map(|texts| match &texts[..] {
                [first, second] => {
                    tokenizer.encode_pairs(&[(first, second)]).unwrap().remove(0)
                }
                texts => tokenizer.encode(&[&texts[0]]).unwrap().remove(0),
            })
            .collect();
        let tokens = Tokens::pack(&sequences, (0..sequences.len() as u64).collect());
        let classes: Vec<u32> = case.expected["classes"].1.iter().map(|&x| x as u32).collect();
        let targets = Targets::Classes(Tensor::new(classes, &Device::Cpu)?);
        let batch = Batch { tokens, texts_per_example: 1, targets };
        let options = ForwardOptions { logits: true, ..ForwardOptions::default() };
        let (outputs, state) = model.forward(&batch, &[ViewSample::plain()], &options)?;
        let loss = Softmax::default().loss(&outputs, 0.)?.total;
        case.check("loss", &[loss.to_scalar::<f64>()? as f32], 1e-5, 0.);
        let mut gradients = Gradients::new(model.parameters());
        model.backward(&loss, state, &mut gradients)?;
        let head = SequenceHead::of(&model.encoder().config()).expect("a head");
        let grads = case.expected.iter().filter(|(name, _)| name.starts_with("grad."));
        let largest =
            grads.flat_map(|(_, (_, values))| values).fold(0f32, |most, x| most.max(x.abs()));
        for parameter in model.parameters().iter() {
            let name = parameter.name();
            let stored = head.stored_name(name).unwrap_or(format!("{}{name}", head.prefix));
            let found = gradients.get(parameter).expect("a gradient").to_dense();
            case.check(&format!("grad.{stored}"), &found, 1e-4, largest / 1e2); // what cancels is not relatively near
        }
    }
    Ok(())
}

#[test]
fn a_classifier_is_saved_as_it_was_loaded() {
    for case in cases() {
        let model = case.load();
        let place = tempfile::tempdir().unwrap();
        model.save_pretrained(place.path()).unwrap();
        let weights = tensors(&place.path().join("model.safetensors"));
        assert_eq!(weights, tensors(&case.dir.join("model.safetensors")), "{}", case.name());
        assert!(!place.path().join("modules.json").exists());
        let again = TextClassifier::from_pretrained(place.path().to_str().unwrap()).unwrap();
        assert_eq!(case.logits(&again), case.logits(&model), "{}", case.name());
        assert_eq!(again.labels(), model.labels());
        let config = |dir: &Path| -> Value {
            serde_json::from_slice(&fs::read(dir.join("config.json")).unwrap()).unwrap()
        };
        let (before, after) = (config(&case.dir), config(place.path()));
        for key in ["architectures", "id2label", "label2id", "problem_type"] {
            assert_eq!(before[key], after[key], "{}: {key}", case.name());
        }
    }
}

#[test]
fn a_fresh_head_goes_on_from_the_pooler_of_its_encoder() {
    let dir = fixture("classifiers").join("bert");
    let encoder = SentenceEncoder::for_classification(dir.to_str().unwrap()).unwrap();
    let labels = vec!["a".to_string(), "b".to_string()];
    let description = HeadDescription::classes("sequence".parse().unwrap(), 1, labels);
    let fresh = encoder.with_classifier(description, 1).unwrap();
    let dense = fresh.model().parameters().get("head.dense.weight").unwrap();
    let stored = tensors(&dir.join("model.safetensors"));
    assert_eq!(dense.with(<[f32]>::to_vec).unwrap(), stored["bert.pooler.dense.weight"].1);
    // two classes are not three
    let note = fresh.restore_heads().unwrap().unwrap();
    assert!(note.contains("the output layer starts anew"), "{note}");
}

/// A copy of the classifier of BERT with another `config.json`.
fn altered(change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let (from, place) = (fixture("classifiers").join("bert"), tempfile::tempdir().unwrap());
    for entry in fs::read_dir(&from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
    }
    let path = place.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    fs::write(path, config.to_string()).unwrap();
    place
}

#[test]
fn a_configuration_that_contradicts_the_head_is_refused() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 6] = [
        (
            |config| config["id2label"] = serde_json::json!({"0": "a", "1": "b"}),
            "tensor classifier.bias is missing, or not [2] as config.json has it",
        ),
        (|config| config["num_labels"] = 4.into(), "num_labels is 4, but id2label has 3 names"),
        (
            |config| config["id2label"] = serde_json::json!({"1": "a", "2": "b", "3": "c"}),
            "id2label: expected a name for each of the ids 0, 1, …",
        ),
        (
            |config| config["problem_type"] = "regression".into(),
            "problem_type is regression, but id2label has 3 names",
        ),
        (
            |config| config["problem_type"] = "multi_label_classification".into(),
            "problem_type multi_label_classification is not supported",
        ),
        (
            |config| {
                config["architectures"] =
                    serde_json::json!(["RobertaForSequenceClassification"])
            },
            "the class for it is BertForSequenceClassification",
        ),
    ];
    for (change, expected) in cases {
        let place = altered(change);
        let error = TextClassifier::from_pretrained(place.path().to_str().unwrap());
        let error = error.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// sentence-transformers' default for one output is a sigmoid, which its `activation_fn` replaces.
#[test]
fn a_cross_encoder_applies_its_activation_and_is_no_embedding_model() {
    let one_output = |class: &'static str| {
        altered(move |config| {
            config["id2label"] = serde_json::json!({"0": "LABEL_0"});
            config["problem_type"] = Value::Null;
            config["sentence_transformers"] = serde_json::json!({"activation_fn": class});
        })
    };
    for class in ["torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid"] {
        let place = one_output(class);
        let dir = place.path().to_str().unwrap();
        let error = SentenceEncoder::from_pretrained(dir).err().unwrap().to_string();
        assert!(error.contains("this is a CrossEncoder"), "{error}");
        // its weights have three rows, so take one
        let path = place.path().join("model.safetensors");
        let mut bytes = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        for name in ["classifier.weight", "classifier.bias"] {
            let row = bytes[name].narrow(0, 0, 1).unwrap().contiguous().unwrap();
            bytes.insert(name.to_string(), row);
        }
        candle_core::safetensors::save(&bytes, &path).unwrap();
        let model = TextClassifier::from_pretrained(dir).unwrap();
        let examples = [vec!["the dogs run", "a cat sleeps"]];
        let output = f64::from(model.logits(&examples).unwrap().as_slice()[0]);
        let score = model.predict_scores(&examples).unwrap()[0];
        let expected =
            if class.ends_with("Sigmoid") { 1. / (1. + (-output).exp()) } else { output };
        assert!((score - expected).abs() < 1e-6, "{class}: {score}, expected {expected}");
        assert!(model.logits(&[vec!["one"]]).is_err());
    }
}
