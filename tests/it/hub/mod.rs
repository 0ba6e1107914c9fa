//! Models from a hub on this machine that answers as the real one does.

mod misbehaviour;
mod server;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use server::{COMMIT, Hub, Plan};
use tempfile::TempDir;
use twindrop::hub::{HubSettings, data_with, resolve_with};
use twindrop::{Error, ErrorKind};

const MODULES: &str = r#"[{"path": "", "type": "st.Transformer"},
    {"path": "1_Pooling", "type": "st.Pooling"}, {"path": "2_Normalize", "type": "st.Normalize"}]"#;

fn at(endpoint: &str, cache: &TempDir) -> HubSettings {
    let cache = cache.path().join("hub");
    HubSettings {
        endpoint: endpoint.to_string(),
        cache,
        token: None,
        offline: false,
        progress: false,
        patience: Duration::from_millis(1),
        timeout: Duration::from_millis(300),
    }
}

fn cache() -> TempDir {
    tempfile::tempdir().expect("a place for files")
}

fn bare() -> Plan {
    let files =
        [("config.json", "{}"), ("vocab.txt", "[PAD]"), ("model.safetensors", "weights")];
    Plan { files: BTreeMap::from(files), ..Plan::default() }
}

fn with_modules() -> Plan {
    let mut plan = bare();
    let more = [("modules.json", MODULES), ("1_Pooling/config.json", r#"{"a": 1}"#)];
    plan.files.extend(more);
    plan
}

fn same_files(directory: &Path, plan: &Plan) {
    for (name, text) in &plan.files {
        let found = std::fs::read_to_string(directory.join(name));
        assert_eq!(found.expect(name), *text, "{name}");
    }
}

fn refused(settings: &HubSettings, model: &str) -> Error {
    resolve_with(settings, model).expect_err("a refusal")
}

#[track_caller]
fn says(error: &Error, kind: ErrorKind, parts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "no `{part}` in: {error}");
    }
}

#[test]
fn a_model_is_downloaded_once_and_then_needs_no_hub() {
    let (hub, cache, plan) = (Hub::start(with_modules()), cache(), with_modules());
    let mut settings = at(&hub.endpoint(), &cache);
    let directory = resolve_with(&settings, "org/name").expect("a model");
    same_files(&directory, &plan);
    let asked = hub.requests().len();
    assert_eq!(resolve_with(&settings, "org/name").expect("a model"), directory);
    assert_eq!(hub.requests().len(), asked, "a whole snapshot was asked about again");
    let names = std::fs::read_dir(settings.cache.join("models--org--name/refs"));
    let names: Vec<_> = names.expect("names").flatten().map(|name| name.file_name()).collect();
    assert_eq!(names, ["main"], "Python knows a commit by itself");
    drop(hub);
    assert_eq!(resolve_with(&settings, "org/name").expect("no hub"), directory);
    settings.offline = true;
    assert_eq!(resolve_with(&settings, "org/name").expect("offline"), directory);
    let by_commit = format!("org/name@{COMMIT}");
    assert_eq!(resolve_with(&settings, &by_commit).expect("a commit"), directory);
}

#[test]
fn a_static_embedding_model_without_config_json_is_downloaded() {
    // the files of sentence-transformers/static-retrieval-mrl-en-v1
    let list = r#"[{"path": "0_StaticEmbedding", "type": "x.StaticEmbedding"}]"#;
    let files = [
        ("modules.json", list),
        ("0_StaticEmbedding/tokenizer.json", "{}"),
        ("0_StaticEmbedding/model.safetensors", "weights"),
    ];
    let plan = || Plan { files: BTreeMap::from(files), ..Plan::default() };
    let (hub, cache) = (Hub::start(plan()), cache());
    let directory = resolve_with(&at(&hub.endpoint(), &cache), "org/name").expect("a model");
    same_files(&directory, &plan());
}

#[test]
fn all_files_come_from_the_commit_the_revision_stood_for() {
    let (hub, cache) = (Hub::start(bare()), cache());
    resolve_with(&at(&hub.endpoint(), &cache), "org/name@refs/pr/1").expect("a model");
    let requests = hub.requests();
    let paths = requests.iter().map(|request| &request.path);
    let resolved: Vec<_> = paths.filter(|path| path.contains("/resolve/")).collect();
    let (first, rest) = resolved.split_first().expect("requests");
    assert_eq!(*first, "/org/name/resolve/refs%2Fpr%2F1/config.json");
    let at_commit = format!("/org/name/resolve/{COMMIT}/");
    let later: Vec<_> = rest.iter().filter(|path| !path.contains("/refs%2F")).collect();
    assert!(!later.is_empty() && later.iter().all(|path| path.starts_with(&at_commit)));
}

#[test]
fn weights_may_be_shards_or_a_pickle() {
    let index = r#"{"weight_map": {"a": "m-2.safetensors", "b": "m-1.safetensors"}}"#;
    let shards = [("model.safetensors.index.json", index)];
    let shards =
        shards.into_iter().chain([("m-1.safetensors", "1st"), ("m-2.safetensors", "2nd")]);
    let pickle = [("pytorch_model.bin", "pickled")];
    for weights in [shards.collect::<Vec<_>>(), pickle.to_vec()] {
        let mut plan = bare();
        plan.files.remove("model.safetensors");
        plan.files.extend(weights);
        let (hub, cache) = (Hub::start(plan.clone()), cache());
        let directory =
            resolve_with(&at(&hub.endpoint(), &cache), "org/name").expect("a model");
        same_files(&directory, &plan);
    }
}

#[test]
fn what_the_hub_lacks_is_named() {
    let mut plan = bare();
    plan.files.remove("model.safetensors");
    let (hub, cache) = (Hub::start(plan), cache());
    let error = refused(&at(&hub.endpoint(), &cache), "org/name");
    let weights =
        "no model.safetensors or model.safetensors.index.json or pytorch_model.bin in";
    says(&error, ErrorKind::Hub, &[weights, "`org/name` at revision main", "check"]);

    let hub = Hub::start(Plan::default());
    let error = refused(&at(&hub.endpoint(), &cache), "other/name@v2");
    says(
        &error,
        ErrorKind::Hub,
        &["no local directory `other/name`", "no config.json", "revision v2"],
    );
}

#[test]
fn a_closed_model_asks_for_a_token_and_opens_with_it() {
    let plan = Plan { token: Some("secret"), ..bare() };
    let (hub, cache) = (Hub::start(plan.clone()), cache());
    let mut settings = at(&hub.endpoint(), &cache);
    says(&refused(&settings, "org/name"), ErrorKind::Hub, &["set HF_TOKEN"]);
    settings.token = Some("wrong".to_string());
    let error = refused(&settings, "org/name");
    says(&error, ErrorKind::Hub, &["the token in use may not read it"]);
    assert!(!error.to_string().contains("wrong"), "the token was shown");
    settings.token = plan.token.map(str::to_string);
    same_files(&resolve_with(&settings, "org/name").expect("a model"), &plan);
}

#[test]
fn a_hub_in_trouble_is_quoted() {
    let cache = cache();
    for (status, expected) in
        [(429, "too many requests"), (503, "HTTP status 503; try again later")]
    {
        let hub = Hub::start(Plan { broken: Some(status), ..bare() });
        says(&refused(&at(&hub.endpoint(), &cache), "org/name"), ErrorKind::Hub, &[expected]);
    }
}

#[test]
fn a_busy_hub_is_asked_again() {
    let (hub, cache) = (Hub::start(Plan { busy: 3, ..bare() }), cache());
    let directory = resolve_with(&at(&hub.endpoint(), &cache), "org/name").expect("a model");
    same_files(&directory, &bare());
}

#[test]
fn a_file_of_a_dataset_is_downloaded_once_and_then_needs_no_hub() {
    let mut plan = bare();
    plan.files.insert("data/train.tsv", "a\tb\t1\n");
    let (hub, cache) = (Hub::start(plan), cache());
    let mut settings = at(&hub.endpoint(), &cache);
    let typed = Path::new("org/name@v1:data/train.tsv");
    let file = data_with(&settings, typed).expect("a file");
    assert_eq!(std::fs::read_to_string(&file).expect("text"), "a\tb\t1\n");
    assert!(hub.requests()[0].path.starts_with("/datasets/org/name/resolve/v1/"));
    let lacks = Path::new("org/name@v1:data/test.tsv");
    says(&data_with(&settings, lacks).expect_err("none"), ErrorKind::Hub, &["data/test.tsv"]);
    drop(hub);
    settings.offline = true;
    assert_eq!(data_with(&settings, typed).expect("cached"), file);
    says(&data_with(&settings, lacks).expect_err("none"), ErrorKind::Hub, &["HF_HUB_OFFLINE"]);
    for path in ["here.tsv", "C:/x.tsv", "org/name:../x.tsv", "org/name:"] {
        assert_eq!(data_with(&settings, Path::new(path)).expect("as it is"), Path::new(path));
    }
}

#[test]
fn what_is_damaged_on_the_way_is_not_kept() {
    let plan = Plan { damaged: Some("model.safetensors"), ..bare() };
    let (hub, cache) = (Hub::start(plan), cache());
    let settings = at(&hub.endpoint(), &cache);
    says(
        &refused(&settings, "org/name"),
        ErrorKind::Hub,
        &["SHA-256 of the downloaded file does not match", "try again"],
    );
    same_files(&resolve_with(&settings, "org/name").expect("a model"), &bare());
}

#[test]
fn a_refused_connection_says_where_and_what_to_do() {
    let (hub, cache) = (Hub::start(bare()), cache());
    let settings = at(&hub.endpoint(), &cache);
    drop(hub);
    let error = refused(&settings, "org/name");
    let parts = ["no response (connection refused)", &settings.endpoint, "check the network"];
    says(&error, ErrorKind::Hub, &parts);
}

#[test]
fn offline_never_asks() {
    let (hub, cache) = (Hub::start(bare()), cache());
    let settings = HubSettings { offline: true, ..at(&hub.endpoint(), &cache) };
    let place = settings.cache.display().to_string();
    let error = refused(&settings, "org/name");
    says(&error, ErrorKind::Hub, &["`org/name`", &place, "HF_HUB_OFFLINE", "unset it"]);

    let snapshot = settings.cache.join("models--org--name/snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).expect("a folder");
    std::fs::write(snapshot.join("config.json"), "{}").expect("a file");
    let error = refused(&settings, &format!("org/name@{COMMIT}"));
    says(&error, ErrorKind::Hub, &["tokenizer.json or vocab.txt of `org/name`", "unset it"]);
    assert_eq!(hub.requests().len(), 0);
}

#[test]
fn a_model_another_tool_cached_works_without_a_hub() {
    let (hub, cache) = (Hub::start(bare()), cache());
    let settings = at(&hub.endpoint(), &cache);
    let model = settings.cache.join("models--org--name");
    let snapshot = model.join("snapshots").join(COMMIT);
    for folder in [&snapshot, &model.join("refs")] {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    std::fs::write(model.join("refs/main"), COMMIT).expect("a file");
    for (name, text) in bare().files {
        std::fs::write(snapshot.join(name), text).expect("a file");
    }
    drop(hub);
    assert_eq!(resolve_with(&settings, "org/name").expect("cached"), snapshot);

    // once a hub answers, it tells what the other tool did not ask for
    let hub = Hub::start(with_modules());
    resolve_with(&at(&hub.endpoint(), &cache), "org/name").expect("a model");
    same_files(&snapshot, &with_modules());
}

#[test]
fn a_download_that_broke_off_goes_on_where_it_was() {
    let plan = Plan { cut: Some("model.safetensors"), ..bare() };
    let (hub, cache) = (Hub::start(plan.clone()), cache());
    let settings = at(&hub.endpoint(), &cache);
    same_files(&resolve_with(&settings, "org/name").expect("a model"), &plan);
    let requests = hub.requests();
    let sent = requests.iter().filter(|request| request.is_get("model.safetensors"));
    let ranges = sent.filter_map(|request| request.headers.get("range"));
    assert_eq!(ranges.collect::<Vec<_>>(), ["bytes=4-"], "`weights` is 7 bytes, 3 were cut");
}

#[test]
fn a_hub_that_mixes_commits_is_refused() {
    let (hub, cache) = (Hub::start(Plan { other_commit: true, ..bare() }), cache());
    let error = refused(&at(&hub.endpoint(), &cache), "org/name");
    says(&error, ErrorKind::Hub, &["another commit", "HF_ENDPOINT"]);
}

#[test]
fn a_directory_is_itself_and_what_is_no_id_is_told_the_form() {
    let cache = cache();
    let settings = at("http://127.0.0.1:9", &cache);
    assert_eq!(
        resolve_with(&settings, cache.path().to_str().expect("plain")).expect("a directory"),
        cache.path()
    );
    let file = cache.path().join("model.safetensors");
    std::fs::write(&file, "weights").expect("a file");
    let error = refused(&settings, file.to_str().expect("plain"));
    says(&error, ErrorKind::Config, &["is a file", "give the model directory"]);
    for model in [
        "", "bert", "./a/b", "/a/b", "../a", "a/b/c", "org/", "org/..", "org/a b", "o/n@",
        "o/n@../x",
    ] {
        says(
            &refused(&settings, model),
            ErrorKind::Config,
            &["org/name@revision", "check the path"],
        );
    }
}
