//! The evaluators beside STS: figures of sentence-transformers and scikit-learn on random cases,
//! edges where a figure has no value, and what the program prints.

use std::fs;
use std::path::Path;

use faer::Mat;
use serde_json::Value;
use twindrop::data::{Collection, Dataset, ReadOptions, TextEntry, read_from};
use twindrop::eval::{
    BinaryClassificationEvaluator, BinaryFigures, Bootstrap, ClassificationMetrics, Evaluator,
    LogisticRegression, Metrics, ProbeConfig, ProbeEvaluator, RetrievalEvaluator,
    TripletEvaluator,
};
use twindrop::random::{Rng, RngKey};
use twindrop::vectors::Similarity;
use twindrop::vectors::{Embed, Embeddings};

use crate::support::{Printed, TestDir, fixture, tiny};

const NO_DRAWS: Bootstrap = Bootstrap { draws: 0, level: 0.95, seed: 42 };

/// What `eval/peers/evaluators_fixture.py` wrote of a task.
fn figures_of(task: &str) -> Value {
    let text = fs::read_to_string(fixture("evaluators.json")).expect("the fixture");
    let mut figures: Value = serde_json::from_str(&text).expect("JSON");
    figures[task].take()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a row").iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// Scores and labels as the script draws them.
fn binary(case: u64) -> (Vec<f64>, Vec<bool>) {
    let mut draws = RngKey::new(case).rng();
    let pairs = 2 + draws.below(60);
    let levels = 1 + draws.below(12);
    let (scores, tops): (Vec<f64>, f64) = match case % 2 {
        0 => ((0..pairs).map(|_| draws.uniform() * 2. - 1.).collect(), 2.),
        _ => ((0..pairs).map(|_| draws.below(levels) as f64).collect(), levels as f64 + 1.),
    };
    let labels = scores.iter().map(|score| draws.uniform() < (score + 1.) / tops);
    let labels = labels.collect();
    (scores, labels)
}

#[test]
fn figures_of_pairs_are_those_of_sentence_transformers() {
    let cases = figures_of("binary");
    let cases = cases.as_array().expect("cases");
    assert_eq!(cases.len(), 300);
    let (mut undefined, mut always, mut other) = (0, 0, 0);
    for (case, sides) in cases.iter().enumerate() {
        let (scores, labels) = binary(case as u64);
        let Ok(found) = BinaryFigures::of(&scores, &labels) else {
            assert!(labels.iter().all(|label| *label == labels[0]), "case {case}");
            undefined += 1;
            continue;
        };
        for (side, sign) in [(&sides[0], 1.), (&sides[1], -1.)] {
            let expected = numbers(side);
            let close = |nth: usize, found: f64| {
                let (name, expected) = (BinaryFigures::NAMES[nth], expected[nth]);
                let away = (found - expected).abs();
                assert!(away < 1e-12, "case {case}, {name}: {found} is not {expected}");
            };
            close(0, found.accuracy);
            close(1, sign * found.accuracy_threshold);
            close(2, found.f1);
            close(6, found.ap);
            // two thresholds may be equally good, and rounding then chooses for them
            if found.f1_threshold != sign * expected[3] {
                other += 1;
                continue;
            }
            close(4, found.precision);
            close(5, found.recall);
            // theirs is 0 where every pair is called positive
            always += usize::from(found.mcc.is_none());
            close(7, found.mcc.unwrap_or(0.));
        }
    }
    assert!(undefined < 40 && other < 20, "{undefined} without figures, {other} others");
    assert!(always > 10, "{always} call every pair positive");
}

fn vectors(draws: &mut Rng, rows: usize, width: usize) -> Embeddings {
    let numbers = (0..rows * width).map(|_| draws.below(5) as f32 - 2.);
    Embeddings::new(width, numbers.collect())
}

/// A text is the number of a row.
struct Table(Embeddings);

impl Embed for Table {
    fn embed(&self, texts: &[&str]) -> twindrop::Result<Embeddings> {
        let row = |text: &&str| self.0.row(text.parse().expect("a number")).to_vec();
        Ok(Embeddings::new(self.0.width(), texts.iter().flat_map(row).collect()))
    }
}

#[test]
fn figures_of_triplets_are_those_of_sentence_transformers() {
    let cases = figures_of("triplets");
    let kinds = [Similarity::Dot, Similarity::Euclidean, Similarity::Manhattan];
    for (case, expected) in cases.as_array().expect("cases").iter().enumerate() {
        let mut draws = RngKey::new(case as u64).rng();
        let count = 1 + draws.below(30);
        let model = Table(vectors(&mut draws, 3 * count, 4));
        let triplet = |i: usize| [0, 1, 2].map(|nth| (3 * i + nth).to_string());
        let triplets: Vec<[String; 3]> = (0..count).map(triplet).collect();
        let evaluator = TripletEvaluator::new("random", &triplets).with_similarities(&kinds);
        let evaluator = evaluator.with_margin((case % 3) as f64).expect("a margin");
        let found = evaluator.evaluate(&model, &NO_DRAWS).expect("figures");
        for (kind, expected) in kinds.iter().zip(numbers(expected)) {
            let value = found.get(&format!("{}_accuracy", kind.name())).expect("defined");
            // theirs is a mean in f32
            assert!((value - expected).abs() < 1e-6, "case {case}, {}: {value}", kind.name());
        }
        let most =
            kinds.iter().filter_map(|kind| found.get(&format!("{}_accuracy", kind.name())));
        assert_eq!(found.get("max_accuracy"), most.reduce(f64::max));
    }
}

#[test]
fn figures_of_classes_are_those_of_scikit_learn() {
    let cases = figures_of("classification");
    let mut undefined = 0;
    for (case, expected) in cases.as_array().expect("cases").iter().enumerate() {
        let mut draws = RngKey::new(case as u64).rng();
        let (examples, width) = (2 + draws.below(80), 2 + draws.below(5));
        let mut row = || -> Vec<f64> { (0..width).map(|_| draws.uniform()).collect() };
        let mut weights: Vec<Vec<f64>> = (0..examples).map(|_| row()).collect();
        let gold: Vec<usize> = (0..examples).map(|_| draws.below(width)).collect();
        weights.iter_mut().zip(&gold).for_each(|(row, &own)| row[own] += 0.5);
        let share = |row: Vec<f64>| {
            let sum: f64 = row.iter().sum();
            row.into_iter().map(move |weight| weight / sum)
        };
        let probabilities: Vec<f64> = weights.into_iter().flat_map(share).collect();
        let classes: Vec<String> = (0..width).map(|class| class.to_string()).collect();
        let found = ClassificationMetrics::of(&probabilities, &gold, &classes).expect("sizes");
        let metrics = found.metrics(&NO_DRAWS);
        let names = ClassificationMetrics::names(width);
        assert_eq!(names.len(), numbers(&expected[0]).len());
        for (name, expected) in names.into_iter().zip(numbers(&expected[0])) {
            // theirs is 0 where it is undefined
            undefined += usize::from(metrics.get(name).is_none());
            let value = metrics.get(name).unwrap_or(0.);
            assert!(
                (value - expected).abs() < 1e-12,
                "case {case}, {name}: {value}, {expected}"
            );
        }
        let rows = expected[1].as_array().expect("a row for each class");
        for (class, expected) in found.per_class().into_iter().zip(rows) {
            let value = [class.precision, class.recall, class.f1].map(|x| x.unwrap_or(0.));
            for (value, expected) in value.into_iter().zip(numbers(expected)) {
                assert!((value - expected).abs() < 1e-12, "case {case}, class {}", class.name);
            }
            assert_eq!(class.support as f64, numbers(expected)[3], "case {case}");
        }
    }
    assert!(undefined > 0, "a case has an undefined metric");
}

fn entries(ids: impl Iterator<Item = usize>) -> Vec<TextEntry> {
    let entry = |place: usize| TextEntry { id: format!("{place:04}"), text: place.to_string() };
    ids.map(entry).collect()
}

#[test]
fn figures_of_search_are_those_of_sentence_transformers() {
    let cases = figures_of("retrieval");
    for (case, expected) in cases.as_array().expect("cases").iter().enumerate() {
        let mut draws = RngKey::new(case as u64).rng();
        let (queries, corpus) = (1 + draws.below(8), 1 + draws.below(150));
        let width = 1 + draws.below(4);
        let model = Table(vectors(&mut draws, queries + corpus, width));
        let mut judged = Vec::new();
        for query in 0..queries {
            for _ in 0..1 + draws.below(6) {
                let document = queries + draws.below(corpus);
                judged.push((format!("{query:04}"), format!("{document:04}")));
            }
        }
        let judged: Vec<(&str, &str, f64)> = judged
            .iter()
            .map(|(query, document)| (query.as_str(), document.as_str(), 1.))
            .collect();
        let (asked, all) = (entries(0..queries), entries(queries..queries + corpus));
        let collection = Collection::new(asked, all, &judged).expect("a collection");
        let evaluator = RetrievalEvaluator::new("random", &collection);
        let evaluator = evaluator.with_similarities(&[Similarity::Dot]);
        let found = evaluator.evaluate(&model, &NO_DRAWS).expect("figures");
        let expected = numbers(expected);
        assert_eq!(found.figures.len(), expected.len());
        for ((name, found), expected) in found.figures.iter().zip(expected) {
            let found = found.value.as_ref().expect("a value");
            let away = (found - expected).abs();
            assert!(away < 1e-12, "case {case}, {name}: {found} is not {expected}");
        }
    }
}

/// Examples, classes, how many of these and C.
fn logistic(case: u64) -> (Mat<f64>, Vec<u32>, usize, f64) {
    let mut draws = RngKey::new(case).rng();
    let (examples, features) = (60 + draws.below(400), 1 + draws.below(9));
    let classes = 2 + (case % 4) as usize;
    let mut x = Mat::zeros(features, examples);
    for j in 0..examples {
        for i in 0..features {
            x[(i, j)] = draws.uniform();
        }
    }
    let class = |j: usize| ((x[(0, j)] + 0.7 * draws.uniform()) / 1.7 * classes as f64) as u32;
    let y = (0..examples).map(class).collect();
    (x, y, classes, 2_f64.powi((case % 6) as i32 - 1))
}

#[test]
fn fits_are_those_of_scikit_learn() {
    let cases = figures_of("logistic");
    for (case, expected) in cases.as_array().expect("cases").iter().enumerate() {
        let (x, y, classes, c) = logistic(case as u64);
        let [objective, accuracy] = numbers(expected)[..] else { panic!("two numbers") };
        let fitted = LogisticRegression::fit(x.as_ref(), &y, classes, c);
        let away = (fitted.objective / objective - 1.).abs();
        assert!(away < 1e-8, "case {case}: {} is not {objective}", fitted.objective);
        let called = fitted.predict(x.as_ref());
        let right = called.iter().zip(&y).filter(|(called, y)| called == y).count();
        assert_eq!(right as f64 / y.len() as f64, accuracy, "case {case}");
    }
}

fn pairs(text: &str) -> (Vec<(String, String)>, Vec<bool>) {
    let pair = |word: &str| {
        let (label, pair) = word.split_at(1);
        let (a, b) = pair.split_once('=').expect("a pair");
        ((a.to_string(), b.to_string()), label == "+")
    };
    text.split(' ').map(pair).unzip()
}

fn line(numbers: &[f32]) -> Table {
    Table(Embeddings::new(1, numbers.to_vec()))
}

#[test]
fn pairs_of_one_kind_have_no_figures_and_no_pairs_neither() {
    let model = line(&[0., 1., 2.]);
    let (both, labels) = pairs("+0=1 +1=2");
    let evaluator = BinaryClassificationEvaluator::new("one", &both, &labels).expect("labels");
    let found = evaluator.evaluate(&model, &Bootstrap::default()).expect("metrics");
    assert_eq!((found.figures.len(), found.undefined().count()), (40, 40));
    let reason = "all pairs are positive; a threshold needs both kinds";
    assert!(found.undefined().all(|(_, why)| why == reason));
    assert!(found.figures.iter().all(|(_, one)| one.interval.is_none()));
    let none = BinaryClassificationEvaluator::new("none", &[], &[]).expect("no labels");
    let found = none.evaluate(&model, &Bootstrap::default()).expect("metrics");
    assert!(found.undefined().all(|(_, why)| why == "no pairs"));
    assert!(BinaryClassificationEvaluator::new("few", &both, &[true]).is_err());
}

#[test]
fn a_correlation_of_calls_that_are_all_alike_is_undefined() {
    let (both, labels) = pairs("+0=1 -0=2 +0=3");
    let evaluator =
        BinaryClassificationEvaluator::new("three", &both, &labels).expect("labels");
    let found = evaluator.evaluate(&line(&[0., 1., 2., 3.]), &NO_DRAWS).expect("metrics");
    // by distance: 1 +, 2 −, 3 +; F1 is best where all are called positive
    assert_eq!(found.get("manhattan_f1"), Some(0.8));
    let why = found.undefined().find(|(name, _)| *name == "manhattan_mcc");
    assert_eq!(why, Some(("manhattan_mcc", "every pair is predicted positive")));
    assert_eq!(found.get("manhattan_f1_threshold"), Some(3.));
}

#[test]
fn distances_have_thresholds_that_are_distances() {
    let (both, labels) = pairs("+0=1 +0=2 -0=3");
    let evaluator =
        BinaryClassificationEvaluator::new("three", &both, &labels).expect("labels");
    let evaluator = evaluator.with_similarities(&[Similarity::Euclidean]);
    let found = evaluator.evaluate(&line(&[0., 1., 4., 10.]), &NO_DRAWS).expect("metrics");
    assert_eq!(found.get("euclidean_accuracy_threshold"), Some(7.));
    assert_eq!(found.figures.len(), 8, "no max of one similarity");
}

#[test]
fn a_tie_between_positive_and_negative_is_wrong() {
    let triplets = [["0", "1", "2"], ["0", "1", "1"]].map(|one| one.map(String::from));
    let evaluator = TripletEvaluator::new("two", &triplets);
    let found = evaluator.evaluate(&line(&[0., 1., 2.]), &Bootstrap::default()).unwrap();
    assert_eq!(found.get("euclidean_accuracy"), Some(0.5));
    let euclidean =
        found.figures.iter().find(|(name, _)| name == "euclidean_accuracy").unwrap();
    let interval = euclidean.1.interval.expect("an interval");
    assert_eq!((interval.low, interval.high), (0., 1.));
    let none = TripletEvaluator::new("none", &[]).evaluate(&line(&[]), &NO_DRAWS).unwrap();
    assert_eq!(none.undefined().count(), 5);
    assert!(TripletEvaluator::new("x", &triplets).with_margin(f64::NAN).is_err());
}

fn named(id: &str, text: &str) -> TextEntry {
    TextEntry { id: id.into(), text: text.into() }
}

#[test]
fn documents_equally_alike_come_in_the_order_of_the_corpus() {
    // texts 1 and 2 are equally far from 0; text 1 stands twice
    let corpus = ["2", "1", "3", "1"].iter().zip(["a", "b", "c", "d"]);
    let corpus: Vec<TextEntry> = corpus.map(|(text, id)| named(id, text)).collect();
    let first = |answer: &str| {
        let judged = [("q", answer, 1.)];
        let collection =
            Collection::new(vec![named("q", "0")], corpus.clone(), &judged).unwrap();
        let evaluator = RetrievalEvaluator::new("four", &collection);
        let evaluator = evaluator.with_similarities(&[Similarity::Euclidean]);
        let found = evaluator.evaluate(&line(&[0., 1., -1., 5.]), &NO_DRAWS).unwrap();
        1. / found.get("euclidean_mrr@5").expect("defined")
    };
    assert_eq!(["a", "b", "d", "c"].map(first), [1., 2., 3., 4.]);
}

#[test]
fn queries_without_an_answer_are_left_out_and_none_leaves_no_figure() {
    let corpus = || vec![named("a", "1"), named("b", "2")];
    let queries = || vec![named("q", "0"), named("r", "1")];
    let evaluate = |judged: &[(&str, &str, f64)]| -> Metrics {
        let collection = Collection::new(queries(), corpus(), judged).unwrap();
        let evaluator = RetrievalEvaluator::new("two", &collection);
        evaluator.evaluate(&line(&[1., 1., -1.]), &Bootstrap::default()).unwrap()
    };
    let found = evaluate(&[("q", "a", 1.), ("r", "a", 0.)]);
    assert_eq!(found.about[..2], [("queries", 1.), ("queries_without_answer", 1.)]);
    assert_eq!(found.get("cosine_accuracy@1"), Some(1.));
    let found = evaluate(&[("q", "a", 0.), ("r", "a", -1.)]);
    assert_eq!(found.undefined().count(), 30);
    assert!(found.undefined().all(|(_, why)| why.starts_with("no query has")));
}

#[test]
fn the_document_of_the_query_itself_can_be_left_out() {
    let corpus = vec![named("q", "0"), named("b", "1")];
    let judged = [("q", "b", 1.)];
    let collection = Collection::new(vec![named("q", "0")], corpus, &judged).unwrap();
    let evaluator = RetrievalEvaluator::new("two", &collection).with_cutoffs(&[1]).unwrap();
    let model = Table(Embeddings::new(2, vec![1., 0., 0., 1.]));
    let accuracy = |evaluator: &RetrievalEvaluator| {
        evaluator.evaluate(&model, &NO_DRAWS).unwrap().get("cosine_accuracy@1")
    };
    assert_eq!(accuracy(&evaluator), Some(0.));
    assert_eq!(accuracy(&evaluator.ignoring_identical_ids()), Some(1.));
}

#[test]
fn a_collection_that_contradicts_itself_is_refused() {
    let one = || vec![named("a", "1")];
    let error = |queries, corpus, judged: &[(&str, &str, f64)]| {
        Collection::new(queries, corpus, judged).unwrap_err().to_string()
    };
    assert!(error([one(), one()].concat(), one(), &[]).contains("duplicate id \"a\""));
    assert!(error(one(), one(), &[("b", "a", 1.)]).contains("unknown query id \"b\""));
    assert!(error(one(), one(), &[("a", "b", 1.)]).contains("unknown document id \"b\""));
    assert!(error(one(), one(), &[("a", "a", f64::NAN)]).contains("not finite"));
    let collection = Collection::new(one(), one(), &[("a", "a", 1.)]).unwrap();
    assert!(RetrievalEvaluator::new("x", &collection).with_cutoffs(&[0, 1]).is_err());
}

/// A text of `n` words is (n, 1).
struct Words;

impl Embed for Words {
    fn embed(&self, texts: &[&str]) -> twindrop::Result<Embeddings> {
        let row = |text: &&str| [text.split(' ').count() as f32, 1.];
        Ok(Embeddings::new(2, texts.iter().flat_map(row).collect()))
    }
}

/// One text of each length from 1 to 12, `long` from 7 on but for one.
fn lengths() -> Dataset {
    let class = |n: usize| if n > 6 && n != 9 { "long" } else { "short" };
    let row = |n: usize| format!("{}\t{}\n", class(n), vec!["w"; n].join(" "));
    let text: String = (1..=12).map(row).collect();
    let columns = Some(["class", "text"].map(String::from).to_vec());
    let options = ReadOptions { columns, ..ReadOptions::default() };
    read_from(text.as_bytes(), Path::new("lengths.tsv"), &options).expect("a dataset")
}

fn probe(dev: bool, test: bool, config: ProbeConfig) -> Metrics {
    let data = lengths();
    let evaluator =
        ProbeEvaluator::new(&data, dev.then_some(&data), test.then_some(&data), config);
    evaluator.and_then(|probe| probe.evaluate(&Words, &Bootstrap::default())).expect("metrics")
}

#[test]
fn a_probe_tells_dev_test_and_the_commonest_class() {
    let found = probe(true, true, ProbeConfig::default());
    let names: Vec<&str> = found.figures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["dev_accuracy", "dev_majority", "test_accuracy", "test_majority"]);
    let value = |name| found.get(name).expect("defined");
    // 5 of 12 are long, and one of the short ones lies among them; scikit-learn's fits call it
    // and the shortest long one wrong, whatever C
    assert_eq!(value("dev_accuracy"), 10. / 12.);
    assert_eq!(value("test_accuracy"), 10. / 12.);
    assert_eq!((value("dev_majority"), value("test_majority")), (7. / 12., 7. / 12.));
    let interval = found.figures[2].1.interval.expect("an interval");
    assert!(interval.low < 10. / 12. && interval.high > 10. / 12.);
    assert_eq!(found.about.last(), Some(&("C", 0.25)), "the first of the best");
}

#[test]
fn folds_stand_in_for_a_dev_set_and_for_a_test_set() {
    let config = || ProbeConfig { folds: 4, ..ProbeConfig::default() };
    let chosen = probe(false, true, config());
    assert_eq!(chosen.get("test_accuracy"), Some(10. / 12.));
    assert_eq!(chosen.about.last(), Some(&("C", 0.5)), "the grid of folds");
    let nested = probe(false, false, config());
    let tested = nested.get("test_accuracy").expect("defined");
    // no classifier saw the one it calls
    assert!((0.5..1.).contains(&tested) && (tested * 12.).round() / 12. == tested, "{tested}");
    assert!(nested.get("dev_accuracy").is_some_and(|dev| (0.5..1.).contains(&dev)));
    assert_eq!(nested.about.last(), Some(&("features", 2.)), "no C for all");
    let other = probe(false, false, ProbeConfig { seed: 7, ..config() });
    assert_eq!(other.get("test_majority"), nested.get("test_majority"));
}

#[test]
fn a_training_set_of_one_class_teaches_nothing() {
    let mut data = lengths();
    data.examples.truncate(6);
    let probe = ProbeEvaluator::new(&data, Some(&data), Some(&data), ProbeConfig::default());
    let found = probe.unwrap().evaluate(&Words, &Bootstrap::default()).unwrap();
    assert_eq!(found.get("test_majority"), Some(1.));
    let undefined: Vec<(&str, &str)> = found.undefined().collect();
    let why = "all training examples are \"short\"";
    assert_eq!(undefined, [("dev_accuracy", why), ("test_accuracy", why)]);
}

#[test]
fn vectors_that_are_not_finite_are_refused_by_all() {
    let model = line(&[0., f32::NAN, 2.]);
    let triplets = [["0", "1", "2"].map(String::from)];
    let error =
        TripletEvaluator::new("set", &triplets).evaluate(&model, &NO_DRAWS).unwrap_err();
    assert!(error.to_string().starts_with("set: the embedding of \"1\" is not finite"));
    let (both, labels) = pairs("+0=1 -0=2");
    let evaluator = BinaryClassificationEvaluator::new("set", &both, &labels).unwrap();
    assert!(evaluator.evaluate(&model, &NO_DRAWS).is_err());
}

#[test]
fn draws_and_figures_do_not_depend_on_threads() {
    let mut draws = RngKey::new(3).rng();
    let model = Table(vectors(&mut draws, 300, 6));
    let pair = |_| (draws.below(300).to_string(), draws.below(300).to_string());
    let both: Vec<(String, String)> = (0..400).map(pair).collect();
    let labels: Vec<bool> = (0..400).map(|i| i % 3 == 0).collect();
    let evaluator = BinaryClassificationEvaluator::new("random", &both, &labels).unwrap();
    let bootstrap = Bootstrap { draws: 200, ..Bootstrap::default() };
    let threads = |count| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
        pool.install(|| evaluator.evaluate(&model, &bootstrap).unwrap())
    };
    assert_eq!(threads(1), threads(3));
}

/// A directory with a small model, and data for every task.
fn place() -> TestDir {
    let place = TestDir::new();
    let texts = ["a man plays a flute", "the cat sleeps", "dogs run in the park"];
    tiny(texts, 1).save_pretrained(place.path("model")).expect("a model");
    let pairs = "a\tb\t1\nc\td\t0\na cat\tcat a\t1\nx\ty\t0\n";
    place.write("pairs.tsv", pairs.repeat(3));
    place.write(
        "nli.tsv",
        "a cat\tcat\tentailment\na cat\tno\tcontradiction\na cat\tx\tneutral\n",
    );
    place.write("ones.tsv", "a\tb\t1\nc\td\t1\n");
    place.write("queries.tsv", "q\ta cat\nr\ta dog\n");
    place.write("corpus.tsv", "1\ta cat\n2\ta dog\n3\tno\n");
    place.write("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq\t1\t1\nr\t2\t1\n");
    place
}

fn json(place: &TestDir, arguments: &str) -> Value {
    let arguments = format!("eval {arguments} --model model --format json");
    serde_json::from_str(&place.run(&arguments).stdout).expect("JSON")
}

#[test]
fn the_program_tells_the_same_names_and_writes_what_it_tells() {
    let place = place();
    let found = json(&place, "pairs --data pairs.tsv --output pairs.json");
    assert_eq!((&found["task"], &found["pairs"]), (&"pairs".into(), &12.into()));
    for name in ["cosine_accuracy", "dot_ap", "euclidean_f1_threshold", "max_mcc"] {
        assert!(found[name].is_number() || found[name].is_null(), "{name} in {found}");
    }
    assert!(found["intervals"]["cosine_ap"].is_array());
    assert_eq!(place.read_json("pairs.json"), found);

    let found =
        json(&place, "pairs --data nli.tsv --positive entailment --negative contradiction");
    assert_eq!((&found["pairs"], &found["positive"]), (&2.into(), &1.into()));
    let found = json(&place, "pairs --data pairs.tsv --positive-from 0.5 --similarity dot");
    assert!(found["dot_ap"].is_number() && found.get("max_ap").is_none());

    let found = json(&place, "triplets --data nli.tsv --nli-triplets --bootstrap 0");
    assert_eq!(found["triplets"], 1);
    assert!(found["cosine_accuracy"].is_number() && found.get("intervals").is_none());

    let found = json(&place, "retrieval --data-dir . --k 1,3");
    assert_eq!((&found["queries"], &found["documents"]), (&2.into(), &3.into()));
    assert_eq!(
        (&found["cosine_accuracy@1"], &found["cosine_recall@3"]),
        (&1.0.into(), &1.0.into())
    );
    let same = "--queries queries.tsv --corpus corpus.tsv --qrels qrels/test.tsv --k 1,3";
    assert_eq!(
        json(&place, &format!("retrieval {same}"))["cosine_map@3"],
        found["cosine_map@3"]
    );

    let sets = "--train nli.tsv --dev nli.tsv --test nli.tsv --grid 1";
    let found = json(&place, &format!("probe {sets}"));
    assert_eq!((&found["C"], &found["classes"]), (&1.into(), &3.into()));
    assert_eq!(found["test_majority"], 1. / 3.);
}

#[test]
fn people_get_a_table_and_the_reason_why_a_figure_is_undefined() {
    let place = place();
    let Printed { stdout: reported, stderr: printed } =
        place.run("eval pairs --model model --data ones.tsv");
    assert!(reported.contains("undefined") && reported.contains("manhattan"), "{reported}");
    assert_eq!(printed.matches("undefined").count(), 1, "{printed}");
    assert!(
        printed.contains("cosine_accuracy … max_mcc are undefined: all pairs are positive")
    );
    let arguments =
        "eval retrieval --model model --model model --data-dir . --k 1 --bootstrap 0";
    let reported = place.run(arguments).stdout;
    assert_eq!(reported.matches("cosine_ndcg").count(), 2, "{reported}");
    assert!(reported.contains("100.00"), "{reported}");
    let json = json(&place, "pairs --data ones.tsv");
    assert_eq!(json["cosine_ap"], Value::Null);
    assert!(
        json["undefined"]["cosine_ap"].as_str().is_some_and(|why| why.contains("positive"))
    );
    // STS as it was
    let reported = place.run("eval --model model --data pairs.tsv").stdout;
    assert!(reported.contains("Spearman"), "{reported}");
}
