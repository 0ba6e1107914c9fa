//! What lies in a model directory, read once for all readers.

use crate::encoder::Architecture;
use crate::io;
use crate::io::tensors::TensorFile;
use crate::sentence_encoder::sequence_classifier;
use crate::sentence_encoder::static_layout::{
    EMBEDDINGS, MAPPING, MODEL2VEC, TABLE, WEIGHTS as TOKEN_WEIGHTS,
};
use crate::tokens::{BagStyle, Tokenizer};
use safetensors::Dtype;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A file of JSON that may be missing or broken.
pub(super) enum Json {
    Missing,
    Broken(String),
    Is(Value),
}

/// The largest file of JSON, in bytes: tokenizers have some.
const LONGEST: u64 = 256 << 20;

static NULL: Value = Value::Null;

impl Json {
    fn read(path: &Path) -> Self {
        if !path.exists() {
            return Self::Missing;
        }
        match io::read_text(path, LONGEST) {
            Err(error) => Self::Broken(error.to_string()),
            Ok(text) => match serde_json::from_str(&text) {
                Ok(value) => Self::Is(value),
                Err(error) => Self::Broken(error.to_string()),
            },
        }
    }

    /// Its content, null where there is none.
    pub fn value(&self) -> &Value {
        if let Self::Is(value) = self { value } else { &NULL }
    }

    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// What is wrong with it as JSON.
    pub fn broken(&self) -> Option<&str> {
        if let Self::Broken(why) = self { Some(why) } else { None }
    }

    /// Its keys, where it is an object.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.value().as_object().into_iter().flat_map(|map| map.keys()).map(String::as_str)
    }
}

/// An entry of `modules.json`.
pub(super) struct ModuleFile {
    /// The class, with its package.
    pub class: String,
    /// The folder, empty for the directory itself.
    pub path: String,
    /// Whether all that readers ask of an entry is there.
    pub complete: bool,
    /// `config.json` of the folder.
    pub config: Json,
    /// Whether the folder has weights, and in which form.
    pub weights: Option<&'static str>,
    /// Whether the folder has a `tokenizer.json`.
    pub has_tokenizer: bool,
}

impl ModuleFile {
    /// The class without its package.
    pub fn kind(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or("")
    }

    /// A file of its folder, as readers name it.
    pub fn file(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { format!("{}/{name}", self.path) }
    }
}

/// The weights of the encoder.
pub(super) enum WeightFiles {
    Missing,
    Broken(String),
    /// `pytorch_model.bin`, which is not looked into.
    Pickled,
    Safetensors {
        file: TensorFile,
        sharded: bool,
    },
}

/// The table of a static embedding model.
pub(super) struct StaticTable {
    /// The name of its tensor.
    pub name: &'static str,
    pub rows: usize,
    pub width: usize,
    pub dtype: Dtype,
    /// Whether several tokens share a row.
    pub mapping: bool,
    /// Whether tokens have weights.
    pub weights: bool,
}

/// A model directory.
pub(super) struct Files {
    root: PathBuf,
    dir: PathBuf,
    /// `config.json` of the directory itself.
    pub root_config: Value,
    /// Of a static embedding model.
    pub table: Option<StaticTable>,
    /// How many tokens the tokenizer of a static embedding model has.
    pub vocabulary: Option<usize>,
    /// The folder of the encoder, empty for the directory itself.
    pub folder: String,
    pub config: Json,
    pub list: Json,
    pub modules: Vec<ModuleFile>,
    /// `config_sentence_transformers.json`.
    pub settings: Json,
    /// `sentence_bert_config.json`.
    pub length: Json,
    pub weights: WeightFiles,
    /// Tensors that the configuration asks for and the weights lack, after their prefix.
    pub lacking: Vec<String>,
    /// What stands before every tensor's name.
    pub prefix: String,
}

/// The weights of a folder: of the two names the first that is there.
const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

impl Files {
    /// What a program finds that looks for the encoder in `dir` itself.
    pub fn of(dir: &Path) -> Self {
        Self::with_encoder(dir, "")
    }

    /// What a program finds that looks for the encoder where `modules.json` says.
    pub fn by_modules(dir: &Path) -> Self {
        let list = Json::read(&dir.join("modules.json"));
        let entries = list.value().as_array().map_or(&[][..], Vec::as_slice);
        let modules: Vec<ModuleFile> = entries.iter().map(|entry| module(dir, entry)).collect();
        let encoders = ["Transformer", "StaticEmbedding"];
        let folder = modules.iter().find(|module| encoders.contains(&module.kind()));
        Self::with_encoder(dir, folder.map_or("", |module| &module.path))
    }

    fn with_encoder(root: &Path, folder: &str) -> Self {
        let dir = &root.join(folder);
        let json = |name: &str| Json::read(&dir.join(name));
        let (config, list) = (json("config.json"), Json::read(&root.join("modules.json")));
        let entries = list.value().as_array().map_or(&[][..], Vec::as_slice);
        let modules: Vec<ModuleFile> =
            entries.iter().map(|entry| module(root, entry)).collect();
        let weights = weights(dir);
        let (prefix, lacking) = names(dir, &config, &weights);
        let root_config = Json::read(&root.join("config.json")).value().clone();
        let is_static = root_config["model_type"] == MODEL2VEC || is_static(&modules);
        let tokens = || {
            let style = BagStyle::SentenceTransformers;
            Some(Tokenizer::load_bag(dir, style, &mut Vec::new()).ok()?.vocabulary_size())
        };
        Self {
            root: root.into(),
            dir: dir.into(),
            root_config,
            table: if is_static { static_table(&weights) } else { None },
            vocabulary: if is_static { tokens() } else { None },
            modules,
            settings: Json::read(&root.join("config_sentence_transformers.json")),
            folder: folder.to_string(),
            length: json("sentence_bert_config.json"),
            config,
            list,
            weights,
            lacking,
            prefix,
        }
    }

    /// Whether it is a classifier or a cross-encoder, which programs load as that.
    pub fn is_classifier(&self) -> bool {
        sequence_classifier::is_classifier(self.config.value(), self.list.value())
    }

    pub fn has(&self, name: &str) -> bool {
        self.dir.join(name).is_file()
    }

    /// Whether the directory itself has a file, whichever folder the encoder is in.
    pub fn has_in_root(&self, name: &str) -> bool {
        self.root.join(name).is_file()
    }

    /// Whether model2vec's `config.json` is there.
    pub fn is_model2vec(&self) -> bool {
        self.root_config["model_type"] == MODEL2VEC
    }

    /// Whether it is a static embedding model of either program.
    pub fn is_static(&self) -> bool {
        is_static(&self.modules) || (self.list.is_missing() && self.is_model2vec())
    }

    /// A JSON file that only one reader asks for.
    pub fn json(&self, name: &str) -> Json {
        Json::read(&self.dir.join(name))
    }

    /// The module of a model that looks words up in one table and has no encoder.
    pub fn static_table(&self) -> Option<&ModuleFile> {
        self.modules.first().filter(|module| module.kind() == "StaticEmbedding")
    }

    /// The pooling of our own that others cannot know of.
    pub fn own_pooling(&self) -> Option<&str> {
        let entries = self.list.value().as_array()?;
        entries.iter().find_map(|entry| entry["twindrop_pooling"].as_str())
    }
}

fn is_static(modules: &[ModuleFile]) -> bool {
    modules.first().is_some_and(|module| module.kind() == "StaticEmbedding")
}

fn static_table(weights: &WeightFiles) -> Option<StaticTable> {
    let WeightFiles::Safetensors { file, .. } = weights else { return None };
    let name = [TABLE, EMBEDDINGS].into_iter().find(|name| file.shape(name).is_some())?;
    let &[rows, width] = file.shape(name)? else { return None };
    let [mapping, weights] = [MAPPING, TOKEN_WEIGHTS].map(|name| file.shape(name).is_some());
    Some(StaticTable { name, rows, width, dtype: file.dtype(name)?, mapping, weights })
}

fn module(dir: &Path, entry: &Value) -> ModuleFile {
    let word = |key: &str| entry[key].as_str().unwrap_or("").to_string();
    let path = word("path");
    let folder = dir.join(&path);
    ModuleFile {
        class: word("type"),
        complete: ["name", "path", "type"].iter().all(|key| entry[*key].is_string()),
        config: Json::read(&folder.join("config.json")),
        has_tokenizer: folder.join("tokenizer.json").is_file(),
        weights: WEIGHTS.into_iter().find(|name| folder.join(name).is_file()),
        path,
    }
}

fn weights(dir: &Path) -> WeightFiles {
    let index = dir.join("model.safetensors.index.json");
    let [safe, pickled] = WEIGHTS.map(|name| dir.join(name));
    let (path, sharded) = if safe.is_file() {
        (safe, false)
    } else if index.is_file() {
        (index, true)
    } else if pickled.is_file() {
        return WeightFiles::Pickled;
    } else {
        return WeightFiles::Missing;
    };
    match TensorFile::open(&path) {
        Ok(file) => WeightFiles::Safetensors { file, sharded },
        Err(error) => WeightFiles::Broken(error.to_string()),
    }
}

/// What stands before the names of tensors, and which of those that the configuration asks for
/// are missing; nothing of an architecture that this crate does not know.
fn names(dir: &Path, config: &Json, weights: &WeightFiles) -> (String, Vec<String>) {
    let WeightFiles::Safetensors { file, .. } = weights else { return Default::default() };
    let word = "word_embeddings.weight";
    let prefix = file.names().find_map(|name| {
        let start = name.strip_suffix(word)?;
        Some(start.strip_suffix("embeddings.").unwrap_or(start).to_string())
    });
    let prefix = prefix.unwrap_or_default();
    let architecture = Architecture::parse(&dir.join("config.json"), config.value().clone());
    let specs = architecture.map_or(Vec::new(), |architecture| architecture.specs());
    let there = |name: &str| {
        let old = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        let old = old.replace("LayerNorm.bias", "LayerNorm.beta");
        [name, &old].iter().any(|name| file.shape(&format!("{prefix}{name}")).is_some())
    };
    let lacking = specs.into_iter().map(|spec| spec.name).filter(|name| !there(name));
    (prefix.clone(), lacking.collect())
}
