//! Static embedding models: one vector a token, of which an embedding is the mean.

use super::encoder::{SentenceEncoder, SourceDirectory};
use super::json::maybe_json;
use super::known_keys;
use super::module_list::ModuleList;
use super::modules;
use super::prompts::Prompts;
use super::settings::DirectorySettings;
use super::static_layout::{
    EMBEDDINGS, MAPPING, MODEL2VEC, StaticFormat, StaticLayout, TABLE, WEIGHTS,
};
use crate::encoder::{Bag, BagConfig};
use crate::error::{Error, Result};
use crate::io::tensors::TensorFile;
use crate::model::Model;
use crate::nn::Parameters;
use crate::pooling::Pooling;
use crate::tokens::Tokenizer;
use crate::vectors::Embeddings;
use candle_core::Device;
use serde_json::Value;
use std::path::Path;

/// Whether `dir` holds a static embedding model: `modules.json` says so, or, where there is none,
/// model2vec's `config.json`.
pub(super) fn is_in(dir: &Path, modules: &ModuleList) -> Result<bool> {
    let config = || maybe_json(&dir.join("config.json"));
    Ok(modules.is_static || (modules.is_assumed && config()?["model_type"] == MODEL2VEC))
}

/// The static embedding model in `dir`.
pub(super) fn load(
    dir: &Path,
    list: &ModuleList,
    mut notes: Vec<String>,
) -> Result<SentenceEncoder> {
    let (mut layout, normalize) = describe(dir, list, &mut notes)?;
    let file = TensorFile::in_directory(&list.transformer)?;
    let table = read_tensors(&file, &mut layout, &mut notes)?;
    let style = layout.style().map_err(|why| Error::model(&dir.join("config.json"), why))?;
    let tokenizer = Tokenizer::load_bag(&list.transformer, style, &mut notes)?;
    let settings = read_settings(dir, list, &mut notes)?;
    let path = dir.join("config_sentence_transformers.json");
    let prompts = Prompts::of(&path, &maybe_json(&path)?, true)?;
    let encoder =
        build(&table, tokenizer, layout).map_err(|error| Error::model(file.path(), error))?;
    let mut encoder = encoder.with_pooling(list.pooling);
    if let Some(folder) = &list.dense {
        encoder = encoder.with_heads(|model| modules::load_dense(model, folder, &mut notes))?;
    }
    let origin = SourceDirectory {
        base: Some(dir.to_path_buf()),
        home: Some(dir.to_path_buf()), // no config.json of an encoder is there
        notes,
        is_pooling_assumed: false,
        ..SourceDirectory::default()
    };
    Ok(SentenceEncoder { normalize, prompts, settings, origin, ..encoder })
}

/// The format of the model in `dir`, and whether it scales embeddings to length one.
fn describe(
    dir: &Path,
    list: &ModuleList,
    notes: &mut Vec<String>,
) -> Result<(StaticLayout, bool)> {
    let path = dir.join("config.json");
    let config = maybe_json(&path)?;
    if config["model_type"] != MODEL2VEC {
        if !config.is_null() {
            notes.push(format!(
                "{}: not read, because a StaticEmbedding has no configuration",
                path.display()
            ));
        }
        return Ok((StaticLayout::default(), list.normalize));
    }
    known_keys::check(&path, &config, &[&known_keys::MODEL2VEC], notes)?;
    let normalize = match &config["normalize"] {
        Value::Null => false,
        Value::Bool(on) => *on,
        other => {
            let message = format!("normalize is {other}, expected true or false");
            return Err(Error::model(&path, message));
        }
    };
    if !list.is_assumed && normalize != list.normalize {
        notes.push(format!(
            "{}: normalize is {normalize}, and modules.json says otherwise; the first is used, as \
             in model2vec",
            path.display()
        ));
    }
    let config = config.as_object().cloned().unwrap_or_default();
    let format = StaticFormat::Model2Vec;
    Ok((StaticLayout { format, config, ..StaticLayout::default() }, normalize))
}

/// The table of `file`, with its mapping and weights in `layout`; sentence-transformers has one
/// row a token, so that there they are applied to the table.
fn read_tensors(
    file: &TensorFile,
    layout: &mut StaticLayout,
    notes: &mut Vec<String>,
) -> Result<Embeddings> {
    let wrong = |message: String| Error::model(file.path(), message);
    let Some(name) = [TABLE, EMBEDDINGS].into_iter().find(|name| file.shape(name).is_some())
    else {
        return Err(wrong(format!("tensor {TABLE} is missing, and so is {EMBEDDINGS}")));
    };
    let &[rows, width] = file.shape(name).unwrap_or_default() else {
        let shape = file.shape(name).unwrap_or_default();
        return Err(wrong(format!("tensor {name} has shape {shape:?}, expected two numbers")));
    };
    if rows == 0 || width == 0 || rows.max(width) > 1 << 24 {
        return Err(wrong(format!("tensor {name} has shape [{rows}, {width}]")));
    }
    let known = [name, MAPPING, WEIGHTS];
    let unused: Vec<&str> = file.names().filter(|name| !known.contains(name)).collect();
    if !unused.is_empty() {
        let (path, names) = (file.path().display(), unused.join(", "));
        notes.push(format!("{path}: not used, and not saved again: {names}"));
    }
    if file.shape(MAPPING).is_some() {
        let mapping = file.indices(MAPPING)?;
        if let Some(row) = mapping.iter().find(|&&row| row as usize >= rows) {
            return Err(wrong(format!("{MAPPING} has row {row}, but {name} has {rows} rows")));
        }
        layout.mapping = Some(mapping.into());
    }
    if file.shape(WEIGHTS).is_some() {
        layout.weights = Some(file.numbers(WEIGHTS)?.into());
    }
    let table = Embeddings::new(width, file.numbers(name)?);
    match layout.format {
        StaticFormat::Model2Vec => Ok(table),
        StaticFormat::SentenceTransformers => fold(table, layout).map_err(wrong),
    }
}

/// The most numbers of a table that a mapping makes: a short file may ask for a very large one.
const LARGEST: usize = 1 << 30;

/// One row a token: `weights[t] · table[mapping[t]]`.
fn fold(table: Embeddings, layout: &mut StaticLayout) -> Result<Embeddings, String> {
    let (mapping, weights) = (layout.mapping.take(), layout.weights.take());
    let tokens = mapping.as_ref().map_or(table.rows(), |mapping| mapping.len());
    if mapping.is_some() && tokens.saturating_mul(table.width()) > LARGEST {
        let width = table.width();
        return Err(format!("{MAPPING} has {tokens} tokens of {width} numbers, too many"));
    }
    if let Some(weights) = weights.as_ref().filter(|weights| weights.len() != tokens) {
        return Err(format!("there are {} weights for {tokens} tokens", weights.len()));
    }
    let numbers = (0..tokens).flat_map(|token| {
        let row = mapping.as_ref().map_or(token, |mapping| mapping[token] as usize);
        let weight = weights.as_ref().map_or(1., |weights| weights[token]);
        table.row(row).iter().map(move |x| weight * x)
    });
    Ok(Embeddings::new(table.width(), numbers.collect()))
}

/// sentence-transformers' settings of the directory, of which those of a Transformer do not
/// concern a static embedding model.
fn read_settings(
    dir: &Path,
    list: &ModuleList,
    notes: &mut Vec<String>,
) -> Result<DirectorySettings> {
    let settings = DirectorySettings::read(dir, &list.transformer, false, notes)?;
    if settings.lower_case || settings.max_seq_length.is_some() {
        notes.push(
            "sentence_bert_config.json: not used, because a StaticEmbedding is no Transformer"
                .into(),
        );
    }
    Ok(DirectorySettings { lower_case: false, max_seq_length: None, ..settings })
}

/// The model of a table and a tokenizer.
fn build(
    table: &Embeddings,
    tokenizer: Tokenizer,
    layout: StaticLayout,
) -> Result<SentenceEncoder> {
    let (vocab_size, hidden_size) = (table.rows(), table.width());
    let config = BagConfig { vocab_size, hidden_size, hidden_dropout_prob: 0. };
    let parameters = Parameters::build(Bag::specs(&config), &Device::Cpu, |_| {
        Ok(table.as_slice().to_vec())
    })?;
    let mut bag = Bag::new(config, &parameters)?;
    if let Some(mapping) = &layout.mapping {
        bag = bag.with_mapping(mapping.clone())?;
    }
    if let Some(weights) = &layout.weights {
        bag = bag.with_weights(weights.clone())?;
    }
    let model = Model::new(Box::new(bag), Pooling::Mean, parameters);
    let encoder = SentenceEncoder::new(model, tokenizer)?;
    Ok(SentenceEncoder { layout: Some(layout), ..encoder })
}

impl SentenceEncoder {
    /// A static embedding model: row t of `table` is the vector of token t, an embedding is the
    /// mean of those of its tokens, scaled to length one.
    ///
    /// # Errors
    /// Where the tokenizer has ids that the table has no row for.
    pub fn from_static_table(
        table: &Embeddings,
        tokenizer: Tokenizer,
        format: StaticFormat,
    ) -> Result<Self> {
        let layout = StaticLayout { format, ..StaticLayout::default() };
        let style = layout.style().map_err(Error::config)?;
        let encoder = build(table, tokenizer.into_bag(style)?, layout)?;
        Ok(Self { normalize: true, ..encoder })
    }

    /// The format of a static embedding model; `None` of a model with an encoder.
    pub fn static_format(&self) -> Option<StaticFormat> {
        self.layout.as_ref().map(|layout| layout.format)
    }
}
