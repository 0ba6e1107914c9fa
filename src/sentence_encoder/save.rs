//! Writing a model as a directory that sentence-transformers and text-embeddings-inference read.

use super::card::ModelCard;
use super::carried_files::CARRIED;
use super::directory::{INT8, QUANTIZATION};
use super::encoder::SentenceEncoder;
use super::head_description;
use super::module_list::{FLAGS, OWN_POOLING};
use super::static_layout::StaticFormat;
use super::{modules, sequence_classifier, tokenizer_files, weights};
use crate::error::{Error, Result};
use crate::heads::SequenceHead;
use crate::io;
use crate::pooling::Pooling;
use candle_core::Tensor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

impl SentenceEncoder {
    /// Writes the model as a directory that sentence-transformers, text-embeddings-inference
    /// and candle load.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save_pretrained(&self, dir: impl AsRef<Path>) -> Result<()> {
        save(self, dir.as_ref())
    }

    /// Writes the files of [`save_pretrained`](Self::save_pretrained) into a directory that nobody
    /// reads yet.
    #[cfg(feature = "train")]
    pub(crate) fn write_files(&self, dir: &Path) -> Result<()> {
        write_model(self, dir)
    }

    /// Writes only the weights of a model that was saved to `dir` before.
    ///
    /// # Errors
    /// Where they cannot be written; the old weights are then untouched.
    pub fn save_weights(&self, dir: impl AsRef<Path>) -> Result<()> {
        save_weights(self, dir.as_ref())
    }

    /// Writes the model as a directory of the same form, its matrices in 8-bit integers with a
    /// scale a row; when loaded, it computes in [`ComputeDtype::Int8`](crate::nn::ComputeDtype::Int8).
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save_quantized(&self, dir: impl AsRef<Path>) -> Result<()> {
        self.expect_quantizable()?;
        save_quantized(self, dir.as_ref())
    }

    /// Refuses a model that quantization would not change.
    ///
    /// # Errors
    /// Where it has no matrix products.
    pub fn expect_quantizable(&self) -> Result<()> {
        if self.layout.is_none() {
            return Ok(());
        }
        let message = "a static embedding model has no matrix products, so quantization to int8 \
                       would gain nothing";
        Err(Error::config(message))
    }
}

fn save_quantized(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    let parameters = encoder.model().parameters();
    let multiplied = |name: &str| {
        modules::is_encoders(name)
            && parameters.get(name).is_ok_and(|p| p.spec().shape.len() == 2 && !p.spec().table)
    };
    let change = |config: &mut Value| {
        let rounds = |strategy: &str, symmetric: bool, dynamic: bool| {
            json!({"num_bits": 8, "type": "int", "strategy": strategy, "symmetric": symmetric,
                   "dynamic": dynamic})
        };
        let group = json!({"targets": ["Linear"], "weights": rounds("channel", true, false),
                           "input_activations": rounds("token", false, true)});
        config[QUANTIZATION] = json!({
            "quant_method": "compressed-tensors", "format": INT8,
            "quantization_status": "compressed", "config_groups": {"group_0": group},
            "ignore": ["pooler.dense", "classifier"],
        });
    };
    let head = encoder.sequence_head();
    let prefix = head.as_ref().map_or("", |head| head.prefix);
    let rounds = |name: &str| name.strip_prefix(prefix).is_some_and(multiplied);
    replace(encoder, dir, |dir| {
        describe(encoder, dir, change)?;
        weights::save_int8(&dir.join(WEIGHTS), &tensors(encoder), rounds)?;
        save_modules(encoder, dir)
    })
}

fn save(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    replace(encoder, dir, |dir| write_model(encoder, dir))
}

fn write_model(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    describe(encoder, dir, |_| ())?;
    write_weights(encoder, dir)
}

/// Puts the files of a model in place so that no process reads some of one model and some of
/// another: without `config.json`, nobody loads a directory.
fn replace(
    encoder: &SentenceEncoder,
    dir: &Path,
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let heads = [head_description::FILE, modules::HEADS];
    // programs would take the directory of a classifier for that of an embedding model
    let others = if encoder.sequence_head().is_some() { &EMBEDDING_FILES[..] } else { &[] };
    let optional = [heads.as_slice(), &CARRIED, others].concat();
    io::replace_files(dir, last_file(encoder), &optional, write)
}

/// The file without which nobody loads the directory.
fn last_file(encoder: &SentenceEncoder) -> &'static str {
    match encoder.static_format() {
        Some(StaticFormat::SentenceTransformers) => "modules.json",
        _ => "config.json",
    }
}

/// Everything but the weights; `change` changes `config.json`.
fn describe(
    encoder: &SentenceEncoder,
    dir: &Path,
    change: impl FnOnce(&mut Value),
) -> Result<()> {
    io::make_directory(dir)?;
    let model = encoder.model();
    if encoder.sequence_head().is_some() {
        return classifier(encoder, dir, change);
    }
    let mut modules = match &encoder.layout {
        Some(layout) => {
            layout.describe(model, &encoder.tokenizer, encoder.normalize, dir)?;
            vec![(String::new(), STATIC)]
        }
        None => transformer(encoder, dir, change)?,
    };
    modules::describe(model, dir)?;
    encoder.head.as_ref().map_or(Ok(()), |head| head.save(dir))?;
    if model.dense().is_some() {
        modules.push((modules::DENSE.into(), "Dense"));
    }
    if encoder.normalize {
        let path = format!("{}_Normalize", modules.len());
        io::make_directory(&dir.join(&path))?;
        modules.push((path, "Normalize"));
    }
    let module = |(idx, (path, kind)): (usize, (String, &str))| {
        json!({"idx": idx, "name": idx.to_string(), "path": path,
               "type": format!("sentence_transformers.models.{kind}")})
    };
    let modules = modules.into_iter().enumerate().map(module).collect();
    write(dir, "modules.json", &marked(modules, model.pooling()))?;
    let mut own = json!({
        "model_type": "SentenceTransformer",
        "__version__": {
            "sentence_transformers": "5.3.0", "transformers": "4.57.1", "pytorch": "2.8.0",
            "twindrop": env!("CARGO_PKG_VERSION"),
        },
        "prompts": {}, "default_prompt_name": null,
    });
    encoder.prompts.write(&mut own);
    encoder.settings.write(&mut own);
    write(dir, "config_sentence_transformers.json", &own)?;
    ModelCard::default().write(encoder, dir)
}

fn write(dir: &Path, name: &str, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default() + "\n";
    io::replace_with(&dir.join(name), text)
}

/// A classifier as transformers has it, but for the weights.
fn classifier(
    encoder: &SentenceEncoder,
    dir: &Path,
    change: impl FnOnce(&mut Value),
) -> Result<()> {
    let mut config = encoder.model().encoder().config();
    change(&mut config);
    if let (Some(head), Some(what)) = (encoder.sequence_head(), &encoder.head) {
        sequence_classifier::describe(&mut config, &head, what);
    }
    write(dir, "config.json", &config)?;
    tokenizer_files::save(encoder, dir)?;
    ModelCard::default().write(encoder, dir)
}

/// The encoder, its tokenizer and how its tokens are pooled: the folders and classes of their
/// modules.
fn transformer(
    encoder: &SentenceEncoder,
    dir: &Path,
    change: impl FnOnce(&mut Value),
) -> Result<Vec<(String, &'static str)>> {
    let model = encoder.model();
    let mut config = model.encoder().config();
    change(&mut config);
    write(dir, "config.json", &config)?;
    tokenizer_files::save(encoder, dir)?;
    let (length, lower_case) = (encoder.max_seq_length(), encoder.settings.lower_case);
    let length = json!({"max_seq_length": length, "do_lower_case": lower_case});
    write(dir, "sentence_bert_config.json", &length)?;
    let mut modules = vec![(String::new(), "Transformer")];
    if model.weighted_layers().is_some() {
        modules.push((modules::MIXTURE.into(), "WeightedLayerPooling"));
    }
    modules.push(("1_Pooling".into(), "Pooling"));
    io::make_directory(&dir.join("1_Pooling"))?;
    let width = model.encoder().width();
    let pooling = pooling_config(model.pooling(), width, encoder.prompts.pooled);
    write(dir, "1_Pooling/config.json", &pooling)?;
    Ok(modules)
}

/// The weights alone: all that changes from one save of a run to the next.
fn save_weights(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    let last = last_file(encoder);
    io::replace_files(dir, last, &[], |staged| {
        // put back where weights lie in several files, of which the directory has old ones
        let kept = dir.join(last);
        if kept.is_file() {
            let text = io::read_bytes(&kept, io::CONFIGURATION)?;
            io::replace_with(&staged.join(last), text)?;
        }
        write_weights(encoder, staged)
    })
}

fn write_weights(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    if let Some(layout) = &encoder.layout {
        layout.save_weights(encoder.model(), &dir.join(WEIGHTS))?;
        return save_modules(encoder, dir);
    }
    weights::save(&dir.join(WEIGHTS), &tensors(encoder))?;
    save_modules(encoder, dir)
}

/// The tensors of modules and of heads that are not in `model.safetensors`.
fn save_modules(encoder: &SentenceEncoder, dir: &Path) -> Result<()> {
    modules::save(encoder.model(), dir)?;
    modules::save_heads(encoder.model(), encoder.sequence_head().is_none(), dir)
}

const WEIGHTS: &str = "model.safetensors";

/// Files of an embedding model that a classifier of transformers' has not.
const EMBEDDING_FILES: [&str; 3] =
    ["config_sentence_transformers.json", "modules.json", "sentence_bert_config.json"];
/// The class of a static embedding model.
const STATIC: &str = "StaticEmbedding";

fn tensors(encoder: &SentenceEncoder) -> BTreeMap<String, Tensor> {
    if let Some(head) = encoder.sequence_head() {
        return classifier_tensors(encoder, &head);
    }
    let mut tensors = encoder.model().parameters().tensors();
    tensors.retain(|name, _| modules::is_encoders(name));
    tensors.extend(encoder.origin.carried.clone());
    tensors
}

/// The tensors of a classifier by the names of transformers' class.
fn classifier_tensors(
    encoder: &SentenceEncoder,
    head: &SequenceHead,
) -> BTreeMap<String, Tensor> {
    let prefixed = |name: &str| format!("{}{name}", head.prefix);
    let carried = encoder.origin.carried.iter();
    let mut tensors: BTreeMap<String, Tensor> =
        carried.map(|(name, tensor)| (prefixed(name), tensor.clone())).collect();
    for (name, tensor) in encoder.model().parameters().tensors() {
        if let Some(stored) = head.stored_name(&name) {
            tensors.insert(stored, tensor);
        } else if modules::is_encoders(&name) {
            tensors.insert(prefixed(&name), tensor);
        }
    }
    tensors
}

/// A pooling that sentence-transformers lacks is written as its nearest, the mean; several joined
/// in an order that flags cannot say, which its older versions lack, by name only.
fn pooling_config(pooling: Pooling, width: usize, pooled: bool) -> Value {
    let modes: Vec<Pooling> = match pooling {
        Pooling::Joined(modes) => modes.iter().collect(),
        one => vec![if FLAGS.into_iter().any(|(_, flag)| flag == one) {
            one
        } else {
            Pooling::Mean
        }],
    };
    let mut config = json!({ "word_embedding_dimension": width });
    if !matches!(pooling, Pooling::Joined(modes) if !modes.is_in_order()) {
        for (name, flag) in FLAGS {
            config[name] = modes.contains(&flag).into();
        }
    }
    config["include_prompt"] = pooled.into();
    // its older versions know one name, and put the flags that are on together themselves
    let names: Vec<String> = modes.iter().map(ToString::to_string).collect();
    match (&names[..], pooling) {
        ([one], _) => config["pooling_mode"] = one.as_str().into(),
        (several, Pooling::Joined(modes)) if !modes.is_in_order() => {
            config["pooling_mode"] = several.into();
        }
        _ => {}
    }
    config
}

/// The list of modules with the pooling marked, where sentence-transformers lacks it: there no
/// reader minds a key of ours, while an older Pooling refuses one in its own file.
fn marked(mut modules: Vec<Value>, pooling: Pooling) -> Value {
    let is_static = modules[0]["type"].as_str().is_some_and(|class| class.ends_with(STATIC));
    let is_known = match is_static {
        true => pooling == Pooling::Mean, // it has no file for another
        false => {
            matches!(pooling, Pooling::Joined(_))
                || FLAGS.into_iter().any(|(_, flag)| flag == pooling)
        }
    };
    if !is_known {
        modules[usize::from(!is_static)][OWN_POOLING] = pooling.to_string().into();
    }
    modules.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::failing;
    use crate::sentence_encoder::{EncodeOptions, Preset};

    const TEXTS: [&str; 3] = ["a cat sleeps", "it rains", "he reads"];

    fn embeddings(encoder: &SentenceEncoder) -> Vec<f32> {
        encoder.encode(&TEXTS, &EncodeOptions::default()).unwrap().into_data()
    }

    /// The embeddings of the model in a directory, if one loads.
    fn loaded(dir: &Path) -> Option<Vec<f32>> {
        SentenceEncoder::from_pretrained(dir.to_str()?).ok().as_ref().map(embeddings)
    }

    fn fresh(words: &[&str], seed: u64) -> SentenceEncoder {
        SentenceEncoder::fresh(Preset::Tiny, words.iter().copied(), seed).unwrap()
    }

    #[test]
    fn a_save_that_stops_at_any_point_leaves_no_model_of_old_and_new_files() {
        let old = fresh(&["a cat naps", "it rains", "she reads"], 1);
        let new = fresh(&["dogs run in the sun", "birds fly", "he sleeps"], 2);
        let save = |encoder: &SentenceEncoder, dir: &Path, quantized: bool| match quantized {
            true => encoder.save_quantized(dir),
            false => encoder.save_pretrained(dir),
        };
        for quantized in [false, true] {
            let whole = tempfile::tempdir().unwrap();
            save(&new, whole.path(), quantized).unwrap();
            let expected = [embeddings(&old), loaded(whole.path()).unwrap()];
            let mut refused = 0;
            for point in 0.. {
                let place = tempfile::tempdir().unwrap();
                old.save_pretrained(place.path()).unwrap();
                let (ended, failed) = failing(point, || save(&new, place.path(), quantized));
                assert_eq!(ended.is_err(), failed, "point {point}");
                match loaded(place.path()) {
                    Some(found) => assert!(expected.contains(&found), "point {point}: mixed"),
                    None => refused += 1,
                }
                if !failed {
                    break;
                }
            }
            assert!(refused > 2, "{refused} points left no model");
        }
    }
}
