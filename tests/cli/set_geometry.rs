//! The geometry of a set in parts is that of the rows picked by hand.

use serde_json::Value;
use twindrop::data::{Scale, Scored, Subset};
use twindrop::eval::{
    Geometry, NEIGHBOURS, PairSet, SetGeometry, StsEvaluator, SubsetGeometry, hubness,
    singular_values,
};
use twindrop::vectors::Embeddings;

use crate::support::{TestDir, tiny};

/// Numbers in [-1, 1].
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 3_u64;
    let numbers = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 40) as f32).sin() + 0.3
    });
    numbers.take(count).collect()
}

const WIDTH: usize = 6;

/// 90 pairs in two subsets, some sentences in several; scores on 0..5 by halves.
fn set() -> PairSet {
    let pair = |i: usize| (format!("s{}", i % 70), format!("t{}", i * i % 83));
    let gold = |i: usize| (i * 7 % 11) as f64 / 2.;
    let subset = |name: &str, range: std::ops::Range<usize>| Subset {
        name: name.into(),
        pairs: range.clone().map(pair).collect(),
        gold: range.map(gold).collect(),
    };
    let subsets = vec![subset("a", 0..40), subset("b", 40..90)];
    let scored = Scored { path: "set.tsv".into(), scale: Some(Scale::FIVE), subsets };
    PairSet::new("set", scored)
}

/// Where the sentences of each pair stand among the texts of `evaluator`.
fn places(evaluator: &StsEvaluator) -> Vec<[usize; 2]> {
    let texts = evaluator.texts();
    let at = |text: &str| texts.iter().position(|other| *other == text).expect("a text");
    let sentences: Vec<usize> = evaluator.sets()[0].sentences().map(at).collect();
    sentences.chunks(2).map(|pair| [pair[0], pair[1]]).collect()
}

/// The part of the sentences `within`, by hand.
fn check(
    part: &SubsetGeometry,
    embeddings: &Embeddings,
    mut within: Vec<usize>,
    alike: &[[usize; 2]],
) {
    within.sort_unstable();
    within.dedup();
    let rows = within.iter().flat_map(|&place| embeddings.row(place)).copied();
    let rows = Embeddings::new(WIDTH, rows.collect());
    let at = |place: usize| within.iter().position(|&other| other == place).expect("in it");
    let alike: Vec<_> = alike.iter().map(|pair| (at(pair[0]), at(pair[1]))).collect();
    let by_hand = Geometry::of(&rows, &alike);
    let what = format!("{:?}", part.range);
    assert_eq!(part.sentences, within.len(), "{what}");
    for (found, expected) in [
        (&part.alignment, by_hand.alignment),
        (&part.uniformity, by_hand.uniformity),
        (&part.mean_cosine, by_hand.mean_cosine),
        (&part.effective_rank, by_hand.effective_rank),
        (&part.hubness, hubness(&rows, NEIGHBOURS)),
    ] {
        assert_eq!(found.as_ref().ok().copied(), expected, "{what}: {found:?}");
    }
}

#[test]
fn every_part_has_the_geometry_of_its_rows() {
    let evaluator = StsEvaluator::of_sets(vec![set()]);
    let count = evaluator.texts().len();
    let embeddings = Embeddings::new(WIDTH, numbers(count * WIDTH));
    let lengths: Vec<usize> = (0..count).map(|i| 3 + i * 5 % 9).collect();
    let geometry = &evaluator.set_geometry(&embeddings, &lengths)[0];
    let (places, gold) = (places(&evaluator), evaluator.sets()[0].gold());
    let pairs = |keep: &dyn Fn(usize) -> bool| -> Vec<[usize; 2]> {
        (0..gold.len()).filter(|&pair| keep(pair)).map(|pair| places[pair]).collect()
    };
    let top = pairs(&|pair| gold[pair] > 4.);
    check(&geometry.whole, &embeddings, (0..count).collect(), &top);
    assert_eq!(geometry.singular_values.as_ref().ok(), singular_values(&embeddings).as_ref());

    assert_eq!(geometry.by_score.len(), 5);
    for (step, part) in geometry.by_score.iter().enumerate() {
        let (low, high) = (step as f64, step as f64 + 1.);
        assert_eq!(part.range, Some((low, high)));
        // a score between two steps is in the higher, and 5 in the last
        let own = pairs(&|pair| low <= gold[pair] && (gold[pair] < high || high == 5.));
        assert_eq!(part.pairs, own.len());
        check(part, &embeddings, own.concat(), &own);
    }

    let mut sorted = lengths.clone();
    sorted.sort_unstable();
    let mut lowest = 0;
    assert_eq!(geometry.by_length.len(), 4);
    for (nth, part) in geometry.by_length.iter().enumerate() {
        let highest = sorted[(count * (nth + 1)).div_ceil(4) - 1];
        let inside = |place: usize| lowest < lengths[place] && lengths[place] <= highest;
        let both = |pair: usize| places[pair].into_iter().all(inside);
        assert_eq!(part.pairs, pairs(&both).len());
        let alike = pairs(&|pair| gold[pair] > 4. && both(pair));
        let within = (0..count).filter(|&place| inside(place)).collect();
        check(part, &embeddings, within, &alike);
        lowest = highest;
    }
}

#[test]
fn any_number_of_threads_gives_the_same_geometry() {
    let evaluator = StsEvaluator::of_sets(vec![set()]);
    let count = evaluator.texts().len();
    let embeddings = Embeddings::new(WIDTH, numbers(count * WIDTH));
    let lengths: Vec<usize> = (0..count).map(|i| 3 + i % 9).collect();
    let on = |threads: usize| -> Vec<SetGeometry> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| evaluator.set_geometry(&embeddings, &lengths))
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(5));
}

#[test]
fn the_program_tells_the_geometry_in_its_table_and_in_json() {
    let place = TestDir::new();
    let words = ["a", "b", "c", "d", "e", "f"];
    tiny(words, 1).save_pretrained(place.path("m")).expect("a model");
    let rows = (0..36).map(|i| {
        let (a, b) = (words[i % 6].repeat(1 + i % 3), words[i / 6]);
        format!("{a} {b}\t{b} {a} {}\t{}\n", words[i % 5], i % 6)
    });
    place.write("pairs.tsv", rows.collect::<String>());
    let run = |arguments: &str| place.run(arguments).stdout;
    let start = "eval --model m --data pairs.tsv --bootstrap 0 --geometry";
    let table = run(&format!("{start} --output figures.json"));
    let report = place.read_json("figures.json");
    let printed: Value = serde_json::from_str(&run(&format!("{start} --format json"))).unwrap();
    assert_eq!(report, printed);
    let geometry = &report["geometry"];
    let all = &geometry["all"];
    assert_eq!((&all["pairs"], &geometry["neighbours"]), (&36.into(), &10.into()));
    assert_eq!(all["sentences"], report["sentences"]);
    let values = geometry["singular_values"].as_array().expect("a spectrum");
    let squares: f64 = values.iter().filter_map(Value::as_f64).map(|s| s * s).sum();
    let sentences = all["sentences"].as_f64().expect("a number");
    assert!((squares / sentences - 1.).abs() < 1e-9, "every row has length one: {squares}");
    let scores = geometry["by_score"].as_array().expect("parts");
    let pairs: u64 = scores.iter().filter_map(|part| part["pairs"].as_u64()).sum();
    assert_eq!((scores.len(), pairs), (5, 36));
    assert!(table.contains("score 4 to 5") && table.contains("tokens "), "{table}");
    let uniformity = all["uniformity"].as_f64().expect("defined");
    assert!(table.contains(&format!("{uniformity:.3}")), "{table}");
    // and of every set of every model
    let suite = "[[set]]\nname = \"one\"\nfiles = [\"pairs.tsv\"]\nscore-scale = \"0..10\"\n";
    place.write("own.toml", suite);
    let both = "eval --model m --model m --suite own.toml --bootstrap 0 --geometry";
    let report: Value = serde_json::from_str(&run(&format!("{both} --format json"))).unwrap();
    let set = &report["models"][1]["sets"]["one"]["geometry"];
    assert_eq!(set["all"]["uniformity"], all["uniformity"]);
    assert_eq!(set["by_score"].as_array().map(Vec::len), Some(6)); // 0..10 by steps of one
    assert!(report["models"][0]["geometry"].is_null());
}
