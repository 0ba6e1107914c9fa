//! Where a model's tensors may lie, and that it is the same model wherever they do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::json;
use tempfile::TempDir;
use twindrop::io::tensors::TensorFile;
use twindrop::sentence_encoder::SentenceEncoder;
use twindrop::vectors::Embed;

use crate::support::{fixture, tiny};

const TEXTS: [&str; 4] =
    ["a man plays a flute", "a woman eats an apple", "the cat sleeps", "dogs run in the park"];

fn saved() -> TempDir {
    let place = tempfile::tempdir().expect("a place for files");
    tiny(TEXTS, 1).save_pretrained(&place).expect("written");
    place
}

fn vectors(directory: &Path) -> Vec<f32> {
    let model = SentenceEncoder::from_directory(directory).expect("a model");
    let vectors = model.embed(&TEXTS).expect("vectors");
    (0..vectors.rows()).flat_map(|row| vectors.row(row).to_vec()).collect()
}

/// Divides the tensors of `directory` among files `1` and `2`, in turn.
fn divide(directory: &Path) {
    let whole = directory.join("model.safetensors");
    let bytes = fs::read(&whole).expect("a file");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let mut names: Vec<&str> = tensors.names();
    names.sort_unstable();
    let mut shards: [BTreeMap<&str, TensorView>; 2] = Default::default();
    let mut map = serde_json::Map::new();
    for (place, name) in names.into_iter().enumerate() {
        shards[place % 2].insert(name, tensors.tensor(name).expect("a tensor"));
        map.insert(name.into(), format!("{}.safetensors", place % 2).into());
    }
    for (number, shard) in shards.iter().enumerate() {
        let bytes = safetensors::serialize(shard, None).expect("tensors");
        fs::write(directory.join(format!("{number}.safetensors")), bytes).expect("a file");
    }
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map}).to_string();
    fs::write(directory.join("model.safetensors.index.json"), index).expect("a file");
    fs::remove_file(whole).expect("a file");
}

#[test]
fn a_model_in_shards_is_the_same_model() {
    let place = saved();
    let before = vectors(place.path());
    divide(place.path());
    assert_eq!(vectors(place.path()), before);
}

#[cfg(unix)]
#[test]
fn whoever_may_read_a_configuration_may_read_the_weights() {
    use std::os::unix::fs::PermissionsExt;
    let place = saved();
    let rights = |name| {
        fs::metadata(place.path().join(name)).expect("a file").permissions().mode() & 0o777
    };
    let plain = place.path().join("plain");
    fs::write(&plain, "").expect("a file");
    assert_eq!(rights("config.json"), rights("plain"));
    assert_eq!(rights("model.safetensors"), rights("plain"));
}

#[cfg(unix)]
#[test]
fn shards_may_be_links_into_the_cache_of_a_hub_and_nowhere_else() {
    let place = saved();
    let before = vectors(place.path());
    divide(place.path());
    let model = place.path().join("models--org--name");
    let snapshot = model.join("snapshots/1");
    fs::create_dir_all(&snapshot).expect("a folder");
    fs::create_dir_all(model.join("blobs")).expect("a folder");
    for entry in fs::read_dir(place.path()).expect("a folder").flatten() {
        let name = entry.file_name();
        if name != "models--org--name" {
            fs::rename(entry.path(), snapshot.join(name)).expect("moved");
        }
    }
    let shard = snapshot.join("0.safetensors");
    fs::rename(&shard, model.join("blobs/hash")).expect("moved");
    std::os::unix::fs::symlink("../../blobs/hash", &shard).expect("a link");
    assert_eq!(vectors(&snapshot), before);
    fs::rename(model.join("blobs"), model.join("elsewhere")).expect("moved");
    fs::remove_file(&shard).expect("a link");
    std::os::unix::fs::symlink("../../elsewhere/hash", &shard).expect("a link");
    let error = SentenceEncoder::from_directory(&snapshot).err().expect("a refusal");
    assert!(error.to_string().contains("`0.safetensors` points outside"), "{error}");
}

#[test]
fn a_whole_file_is_read_before_an_index_and_an_index_before_a_pickle() {
    let place = saved();
    let name = |place: &TempDir| {
        let file = TensorFile::in_directory(place.path()).expect("tensors");
        file.path().file_name().map(|name| name.to_string_lossy().into_owned())
    };
    fs::copy(fixture("torch.bin"), place.path().join("pytorch_model.bin")).expect("a file");
    let whole = fs::read(place.path().join("model.safetensors")).expect("a file");
    divide(place.path());
    fs::write(place.path().join("model.safetensors"), whole).expect("a file");
    assert_eq!(name(&place).as_deref(), Some("model.safetensors"));
    fs::remove_file(place.path().join("model.safetensors")).expect("a file");
    assert_eq!(name(&place).as_deref(), Some("model.safetensors.index.json"));
    fs::remove_file(place.path().join("model.safetensors.index.json")).expect("a file");
    assert_eq!(name(&place).as_deref(), Some("pytorch_model.bin"));
}

#[test]
fn what_a_file_holds_beyond_the_encoder_is_told_and_carried_along() {
    let place = saved();
    let path = place.path().join("model.safetensors");
    let bytes = fs::read(&path).expect("a file");
    let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
    let extra = [0u8; 8];
    let view = TensorView::new(safetensors::Dtype::F32, vec![2], &extra).expect("a tensor");
    let all = tensors.iter().chain([("pooler.dense.bias", view)]);
    fs::write(&path, safetensors::serialize(all, None).expect("tensors")).expect("a file");
    let model = SentenceEncoder::from_directory(place.path()).expect("a model");
    assert_eq!(model.unused_tensors().collect::<Vec<_>>(), ["pooler.dense.bias"]);
    let other = tempfile::tempdir().expect("a place for files");
    model.save_pretrained(&other).expect("written");
    let file = TensorFile::in_directory(other.path()).expect("tensors");
    assert_eq!(file.numbers("pooler.dense.bias").expect("numbers"), [0., 0.]);
}
