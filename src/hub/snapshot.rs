//! The files that a model directory should hold, by its own lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::io;

/// The first of `files` that exists: needed, or taken where there is one.
pub(super) struct WantedFile {
    pub(super) files: Vec<String>,
    pub(super) needed: bool,
}

impl WantedFile {
    pub(super) fn is_in(&self, snapshot: &Path) -> bool {
        self.files.iter().any(|file| snapshot.join(file).exists())
    }
}

fn need<const N: usize>(files: [&str; N]) -> WantedFile {
    WantedFile { files: files.map(str::to_string).to_vec(), needed: true }
}

fn hope(file: &str) -> WantedFile {
    WantedFile { files: vec![file.to_string()], needed: false }
}

/// The files that a snapshot should hold, by its own lists. Weights come last, so that a
/// download that broke off is never taken for a whole one.
pub(super) fn wants(snapshot: &Path) -> Result<Vec<WantedFile>> {
    let list = snapshot.join("modules.json");
    let modules = modules(&list)?;
    let table = modules.first().filter(|module| module.kind.ends_with("StaticEmbedding"));
    let config = if table.is_some() { hope("config.json") } else { need(["config.json"]) };
    let mut wants = vec![config, hope("modules.json")];
    wants.extend(of_modules(snapshot)?);
    wants.extend(
        [
            "sentence_bert_config.json",
            "config_sentence_transformers.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
        ]
        .map(hope),
    );
    if let Some(table) = table {
        wants.extend(of_table(&list, &table.path)?);
        return Ok(wants);
    }
    wants.push(need(["tokenizer.json", "vocab.txt"]));
    let (whole, index) = ("model.safetensors", "model.safetensors.index.json");
    wants.push(need([whole, index, "pytorch_model.bin"]));
    if !snapshot.join(whole).exists() {
        wants.extend(shards(&snapshot.join(index))?);
    }
    Ok(wants)
}

/// What is needed and not there.
pub(super) fn lacking(snapshot: &Path) -> Result<Option<WantedFile>> {
    let lacks = |want: &WantedFile| want.needed && !want.is_in(snapshot);
    Ok(wants(snapshot)?.into_iter().find(lacks))
}

#[derive(Deserialize)]
struct ModuleEntry {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The modules in the list at `path`; none where there is no list.
fn modules(path: &Path) -> Result<Vec<ModuleEntry>> {
    Ok(read(path)?.unwrap_or_default())
}

/// The files of each module that has a folder of its own.
fn of_modules(snapshot: &Path) -> Result<Vec<WantedFile>> {
    let list = snapshot.join("modules.json");
    let own = |module: &&ModuleEntry| !["", "."].contains(&module.path.as_str());
    let mut wants = Vec::new();
    for ModuleEntry { path, kind } in modules(&list)?.iter().filter(own) {
        let folder = inside(&list, path)?;
        let weighs = kind.ends_with("Dense") || kind.ends_with("WeightedLayerPooling");
        let pooling = kind.ends_with("Pooling");
        let config = format!("{folder}/config.json");
        wants.push(if pooling || weighs { need([&config]) } else { hope(&config) });
        if weighs {
            let weights = ["model.safetensors", "pytorch_model.bin"];
            let weights = weights.map(|file| format!("{folder}/{file}"));
            wants.push(need(weights.each_ref().map(String::as_str)));
        }
    }
    Ok(wants)
}

/// The tokenizer and the table of a static embedding model, in the folder of its module.
fn of_table(list: &Path, path: &str) -> Result<[WantedFile; 2]> {
    let folder = match path {
        "" | "." => String::new(),
        path => inside(list, path)?.to_string() + "/",
    };
    let tokenizer = need([&format!("{folder}tokenizer.json")]);
    let weights =
        ["model.safetensors", "pytorch_model.bin"].map(|file| format!("{folder}{file}"));
    Ok([tokenizer, need(weights.each_ref().map(String::as_str))])
}

#[derive(Default, Deserialize)]
struct WeightIndex {
    weight_map: BTreeMap<String, String>,
}

/// The files among which an index divides the tensors.
fn shards(index: &Path) -> Result<Vec<WantedFile>> {
    let shards: WeightIndex = read(index)?.unwrap_or_default();
    let files: BTreeSet<String> = shards.weight_map.into_values().collect();
    files.iter().map(|file| Ok(need([inside(index, file)?]))).collect()
}

/// A JSON file, or `None` where there is none.
fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    if !file.exists() {
        return Ok(None);
    }
    let text = io::read_text(file, 16 << 20)?; // an index of many tensors is long
    let value = serde_json::from_str(&text);
    value.map(Some).map_err(|error| Error::model(file, format!("{error}; delete it and retry")))
}

/// `name`, if it stays inside the model: the list is untrusted input.
fn inside<'a>(list: &Path, name: &'a str) -> Result<&'a str> {
    let stays = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if stays && !name.is_empty() {
        return Ok(name);
    }
    Err(Error::model(
        list,
        format!("`{name}` points outside the model directory; do not use this model"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a place for files");
        for (name, text) in files {
            let file = directory.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(file, text).expect("a file");
        }
        directory
    }

    const BARE: [(&str, &str); 3] =
        [("config.json", "{}"), ("vocab.txt", ""), ("pytorch_model.bin", "")];

    #[test]
    fn a_bare_directory_lacks_nothing_and_an_empty_one_its_config() {
        assert!(lacking(directory(&BARE).path()).expect("no lists").is_none());
        let lacks = lacking(directory(&[]).path()).expect("no lists").expect("something");
        assert_eq!(lacks.files, ["config.json"]);
    }

    #[test]
    fn a_static_embedding_has_no_config_and_its_files_in_the_folder_of_its_module() {
        let modules = r#"[{"path": "0_StaticEmbedding", "type": "x.StaticEmbedding"}]"#;
        let directory = directory(&[("modules.json", modules)]);
        let wants = wants(directory.path()).expect("no lists");
        let needed = wants.iter().filter(|want| want.needed);
        let needed: Vec<&str> = needed.map(|want| want.files[0].as_str()).collect();
        assert_eq!(
            needed,
            ["0_StaticEmbedding/tokenizer.json", "0_StaticEmbedding/model.safetensors"]
        );
    }

    #[test]
    fn modules_add_their_configs_and_dense_its_weights() {
        let modules = r#"[{"path": "", "type": "x.Transformer"},
            {"path": "1_Pooling", "type": "x.Pooling"}, {"path": "2_Dense", "type": "x.Dense"},
            {"path": "3_Normalize", "type": "x.Normalize"}]"#;
        let directory = directory(&[("modules.json", modules)]);
        let wants = of_modules(directory.path()).expect("a list");
        let files: Vec<_> =
            wants.iter().map(|want| (want.files.join(" "), want.needed)).collect();
        let weights = "2_Dense/model.safetensors 2_Dense/pytorch_model.bin";
        let expected = [
            ("1_Pooling/config.json", true),
            ("2_Dense/config.json", true),
            (weights, true),
            ("3_Normalize/config.json", false),
        ];
        assert_eq!(files, expected.map(|(files, needed)| (files.to_string(), needed)));
    }

    #[test]
    fn every_shard_of_an_index_is_needed() {
        let index = r#"{"weight_map": {"a": "2.safetensors", "b": "1.safetensors"}}"#;
        let mut files = BARE.to_vec();
        files.extend([("model.safetensors.index.json", index), ("1.safetensors", "")]);
        let lacks = lacking(directory(&files).path()).expect("an index").expect("a shard");
        assert_eq!(lacks.files, ["2.safetensors"]);
    }

    #[test]
    fn no_list_leads_out_of_the_model() {
        for path in ["../other", "/etc", "1_Pooling/../../x", "./"] {
            let modules = format!(r#"[{{"path": "{path}", "type": "x.Pooling"}}]"#);
            let directory = directory(&[("modules.json", &modules)]);
            let error = lacking(directory.path()).err().expect(path);
            assert_eq!(error.kind(), ErrorKind::Model);
            let index = format!(r#"{{"weight_map": {{"a": "{path}"}}}}"#);
            assert!(
                shards(&self::directory(&[("index", &index)]).path().join("index")).is_err()
            );
        }
    }

    #[test]
    fn a_damaged_list_is_named() {
        let directory = directory(&[("modules.json", "[{")]);
        let error = lacking(directory.path()).err().expect("no list");
        assert!(error.to_string().contains("modules.json: EOF while parsing"), "{error}");
    }
}
