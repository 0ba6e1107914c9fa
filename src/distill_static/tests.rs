//! The expected numbers are those of model2vec 0.10, which `tests/fixtures/static_embedding.py`
//! wrote; its PCA was computed again in f64.

use super::*;
use crate::io::tensors::TensorFile;
use crate::sentence_encoder::EncodeOptions;
use serde_json::Value;
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

struct Case {
    teacher: PathBuf,
    tokens: Vec<String>,
    words: Vec<String>,
    tensors: TensorFile,
    texts: Vec<String>,
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    list.map(|text| text.as_str().expect("a string").to_string()).collect()
}

fn case(name: &str) -> Case {
    let text = std::fs::read_to_string(fixture("static_embedding/expected.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let own = &json["distilled"][name];
    Case {
        teacher: fixture(own["teacher"].as_str().expect("a teacher")),
        tokens: strings(&own["tokens"]),
        words: strings(&own["vocabulary"]),
        tensors: TensorFile::open(&fixture(&format!("static_embedding/{name}.safetensors")))
            .unwrap(),
        texts: strings(&json["texts"]),
    }
}

impl Case {
    fn distil(&self, options: &DistillOptions) -> Distilled {
        let teacher = SentenceEncoder::from_directory(&self.teacher).unwrap();
        distill(teacher, &self.words, options, &mut |_, _| ()).unwrap()
    }
}

fn table(distilled: &Distilled) -> Vec<f32> {
    let table = distilled.encoder.model().encoder().word_embeddings();
    table.with(|numbers| numbers.to_vec()).unwrap()
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0., f32::max)
}

#[test]
fn tokens_their_vectors_and_those_of_texts_are_model2vecs() {
    let reduced = PcaDims::First(4);
    let plain = DistillOptions::default().with_format(StaticFormat::Model2Vec);
    for name in ["bert", "bert-words", "roberta"] {
        let case = case(name);
        let raw = plain.clone().with_pca_dims(PcaDims::None).with_sif_coefficient(None);
        let raw = case.distil(&raw);
        assert_eq!(raw.tokens, case.tokens, "{name}");
        let far = apart(&table(&raw), &case.tensors.numbers("whole").unwrap());
        assert!(far <= 1e-5, "{name}: token vectors {far} apart");
        let pca = plain.clone().with_pca_dims(reduced).with_sif_coefficient(None);
        let pca = case.distil(&pca);
        let far = apart(&table(&pca), &case.tensors.numbers("reduced").unwrap());
        assert!(far <= 1e-5, "{name}: principal components {far} apart");
        let share = case.tensors.numbers("share").unwrap()[0];
        assert!((pca.explained.unwrap() - f64::from(share)).abs() <= 1e-6, "{name}: {share}");
        let all = plain.clone().with_pca_dims(reduced).with_sif_coefficient(Some(1e-3));
        let all = case.distil(&all);
        let far = apart(&table(&all), &case.tensors.numbers("static").unwrap());
        assert!(far <= 1e-5, "{name}: static vectors {far} apart");
        let found = all.encoder.encode(&case.texts, &EncodeOptions::default()).unwrap();
        let far = apart(found.as_slice(), &case.tensors.numbers("texts").unwrap());
        assert!(far <= 1e-4, "{name}: embeddings of length one {far} apart");
    }
}

#[test]
fn any_number_of_threads_distils_the_same_bits() {
    let case = case("bert");
    let options = DistillOptions::default().with_pca_dims(PcaDims::First(5));
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let table = pool.unwrap().install(|| table(&case.distil(&options)));
        table.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let one = on(1);
    assert!(one == on(2) && one == on(5));
}

#[test]
fn weights_fall_with_the_rank_by_the_formula_of_sif() {
    // by hand: p = (1/2, 1/3, 1/4) / (13/12)
    let weights = sif_weights(3, 0.1);
    for (weight, p) in weights.iter().zip([6. / 13., 4. / 13., 3. / 13.]) {
        assert!((weight - 0.1 / (0.1 + p)).abs() < 1e-12);
    }
}

#[test]
fn what_cannot_be_done_as_asked_is_said_or_refused() {
    let case = case("bert");
    let many = DistillOptions::default().with_pca_dims(PcaDims::First(1000));
    let distilled = case.distil(&many);
    assert_eq!(distilled.notes.len(), 1);
    assert!(distilled.notes[0].contains("more than the"), "{:?}", distilled.notes);
    let teacher = || SentenceEncoder::from_directory(&case.teacher).unwrap();
    let refusal = |teacher, words: &[&str], options: &DistillOptions| {
        let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        distill(teacher, &words, options, &mut |_, _| ()).err().expect("refused").to_string()
    };
    let odd = DistillOptions::default().with_sif_coefficient(Some(1.));
    assert!(refusal(teacher(), &[], &odd).contains("sif-coefficient 1: expected more than 0"));
    let roberta = SentenceEncoder::from_directory(fixture("architectures/roberta")).unwrap();
    let error = refusal(roberta, &["zebra"], &many);
    assert!(error.contains("byte-pair encoding"), "{error}");
    let error = refusal(distilled.encoder, &[], &many);
    assert!(error.contains("a static embedding model itself"), "{error}");
    assert!("0".parse::<PcaDims>().is_err() && "x".parse::<PcaDims>().is_err());
    assert_eq!("auto".parse::<PcaDims>().unwrap(), PcaDims::All);
}
