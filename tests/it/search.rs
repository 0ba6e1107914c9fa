//! Searches and miners find what looking at every pair finds.

use twindrop::vectors::search::{
    HardNegativeOptions, Hit, Pair, ParaphraseOptions, Sampling, SearchOptions,
    mine_hard_negatives, near_duplicates, paraphrase_mining, semantic_search,
};
use twindrop::vectors::{
    Embeddings, Precision, Ranges, Similarity, StoredEmbeddings, quantize_embeddings,
};

use crate::support::fixture;

/// `rows` × `width` numbers, some rows twice, far from one another.
fn some(seed: u64, rows: usize, width: usize) -> Embeddings {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 40) as f32).sin()
    };
    let mut data: Vec<f32> = (0..rows * width).map(|_| next()).collect();
    for (from, to) in [(0, rows / 2), (1, rows - 1), (2, 3)] {
        let row = data[from * width..(from + 1) * width].to_vec();
        data[to * width..(to + 1) * width].copy_from_slice(&row);
    }
    Embeddings::new(width, data)
}

fn options(top_k: usize, similarity: Similarity) -> SearchOptions {
    SearchOptions::default().with_top_k(top_k).with_similarity(similarity)
}

/// Near in f64, which f32 products may miss by this.
const ROUNDING: f64 = 1e-5;

fn near(a: &[f32], b: &[f32], similarity: Similarity) -> f64 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    match similarity {
        Similarity::Dot => dot(a, b),
        Similarity::Cosine => dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
        Similarity::Euclidean => {
            -a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
        }
        Similarity::Manhattan => {
            -a.iter().zip(b).map(|(a, b)| f64::from(a - b).abs()).sum::<f64>()
        }
    }
}

/// Hits are those of a full sort, but for scores that rounding cannot tell apart.
fn expect_best(
    hits: &[Hit],
    query: &[f32],
    corpus: &Embeddings,
    top_k: usize,
    similarity: Similarity,
) {
    let mut all: Vec<f64> = corpus.iter().map(|row| near(query, row, similarity)).collect();
    for hit in hits {
        let exact = all[hit.corpus_id];
        assert!((f64::from(hit.score) - exact).abs() < ROUNDING * 10., "{hit:?} {exact}");
    }
    all.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(hits.len(), top_k.min(all.len()));
    for (hit, best) in hits.iter().zip(all) {
        assert!((f64::from(hit.score) - best).abs() < ROUNDING * 10., "{hit:?} {best}");
    }
    let order = |one: &Hit, other: &Hit| {
        other.score.total_cmp(&one.score).then(one.corpus_id.cmp(&other.corpus_id)).is_lt()
    };
    assert!(hits.is_sorted_by(order), "{hits:?}");
    let mut rows: Vec<usize> = hits.iter().map(|hit| hit.corpus_id).collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), hits.len(), "a row was found twice");
}

#[test]
fn the_search_finds_what_a_full_sort_finds() {
    // more than a tile and a wave of tiles on one side, more than a block on the other
    let (queries, corpus) = (some(1, 301, 19), some(2, 33_500, 19));
    for score in Similarity::ALL {
        let hits = semantic_search(&queries, &corpus, &options(7, score)).unwrap();
        assert_eq!(hits.len(), queries.rows());
        for (query, hits) in hits.iter().enumerate().step_by(13) {
            expect_best(hits, queries.row(query), &corpus, 7, score);
        }
    }
    let few = some(3, 5, 19);
    let all = semantic_search(&queries, &few, &options(9, Similarity::Cosine)).unwrap();
    assert!(all.iter().all(|hits| hits.len() == 5));
}

#[test]
fn of_rows_equally_near_the_first_comes_first() {
    let corpus = some(5, 3000, 24);
    let query = Embeddings::new(24, corpus.row(1).to_vec());
    let hits = semantic_search(&query, &corpus, &options(2, Similarity::Cosine)).unwrap();
    let rows: Vec<usize> = hits[0].iter().map(|hit| hit.corpus_id).collect();
    assert_eq!(rows, [1, 2999], "{hits:?}");
    let hits = semantic_search(&query, &corpus, &options(1, Similarity::Cosine)).unwrap();
    assert_eq!(hits[0][0].corpus_id, 1);
}

#[test]
fn any_number_of_threads_finds_the_same_bits() {
    let (queries, corpus) = (some(1, 70, 33), some(2, 9000, 33));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let hits =
                semantic_search(&queries, &corpus, &options(5, Similarity::Dot)).unwrap();
            (hits, near_duplicates(&corpus, 0.5).unwrap())
        })
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn vectors_on_disk_are_searched_like_those_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let (queries, corpus) = (some(1, 5, 16), some(2, 2500, 16));
    let mut bytes = b"\x93NUMPY\x01\x00\x46\x00".to_vec();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2500, 16), }";
    bytes.extend(format!("{header:<69}\n").bytes());
    bytes.extend(corpus.as_slice().iter().flat_map(|x| x.to_le_bytes()));
    let path = dir.path().join("corpus.npy");
    std::fs::write(&path, bytes).unwrap();
    let options = options(4, Similarity::Cosine);
    let stored = StoredEmbeddings::open(&path).unwrap();
    assert_eq!(
        semantic_search(&queries, &stored, &options).unwrap(),
        semantic_search(&queries, &corpus, &options).unwrap()
    );
    assert_eq!(stored.read(1030..1033).unwrap().row(1), corpus.row(1031));
}

#[test]
fn paraphrases_are_the_nearest_pairs_of_all() {
    let rows = some(8, 2300, 8);
    let mut options = ParaphraseOptions::default();
    (options.top_k, options.max_pairs) = (2300, 500);
    let found = paraphrase_mining(&rows, &options).unwrap();
    let mut all = Vec::new();
    for a in 0..rows.rows() {
        for b in a + 1..rows.rows() {
            all.push(near(rows.row(a), rows.row(b), Similarity::Cosine));
        }
    }
    all.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(found.len(), 500);
    for (pair, best) in found.iter().zip(&all) {
        assert!(pair.a < pair.b);
        assert!((f64::from(pair.score) - best).abs() < ROUNDING, "{pair:?} {best}");
        let exact = near(rows.row(pair.a), rows.row(pair.b), Similarity::Cosine);
        assert!((f64::from(pair.score) - exact).abs() < ROUNDING);
    }
    let mut places: Vec<_> = found.iter().map(|pair| (pair.a, pair.b)).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 500, "a pair was found twice");

    options.threshold = Some(all[99] as f32 - 1e-6);
    let near: Vec<Pair> = paraphrase_mining(&rows, &options).unwrap();
    assert!((100..110).contains(&near.len()), "{}", near.len());
    // one neighbour each: at most a pair a row
    options.top_k = 1;
    options.threshold = None;
    options.max_pairs = 10_000;
    assert!(paraphrase_mining(&rows, &options).unwrap().len() <= 2300);
}

#[test]
fn the_first_of_those_alike_is_kept_and_the_rest_go() {
    let rows = some(4, 2600, 6);
    let found = near_duplicates(&rows, 0.97).unwrap();
    let mut kept: Vec<usize> = Vec::new();
    let mut expected = Vec::new();
    for row in 0..rows.rows() {
        let score = |of: usize| near(rows.row(row), rows.row(of), Similarity::Cosine);
        let nearest = kept.iter().copied().max_by(|a, b| score(*a).total_cmp(&score(*b)));
        match nearest.filter(|of| score(*of) >= 0.97) {
            Some(of) => expected.push((row, score(of))),
            None => kept.push(row),
        }
    }
    assert!(found.len() > 100, "{}", found.len());
    let rows_of =
        |found: &[(usize, f64)]| found.iter().map(|(row, _)| *row).collect::<Vec<_>>();
    let own: Vec<(usize, f64)> = found.iter().map(|d| (d.row, f64::from(d.score))).collect();
    assert_eq!(rows_of(&own), rows_of(&expected));
    for ((_, own), (_, exact)) in own.iter().zip(&expected) {
        assert!((own - exact).abs() < ROUNDING, "{own} {exact}");
    }
    assert!(found.iter().all(|d| kept.contains(&d.of)));
    assert!(near_duplicates(&rows, 0.).is_err() && near_duplicates(&rows, f32::NAN).is_err());
}

#[test]
fn hard_negatives_are_the_nearest_that_the_bounds_allow() {
    let (anchors, corpus) = (some(1, 40, 12), some(2, 600, 12));
    let positives: Vec<Vec<usize>> = (0..40).map(|i| vec![i, 100 + i]).collect();
    let mut options = HardNegativeOptions::default();
    options.num_negatives = 4;
    options.range_min = 2;
    options.range_max = Some(600);
    options.max_score = Some(0.7);
    options.min_score = Some(0.1);
    options.absolute_margin = Some(-0.9);
    let mined = mine_hard_negatives(&anchors, &corpus, &positives, &options).unwrap();
    let mut full = 0;
    for (anchor, mined) in mined.iter().enumerate() {
        let score = |row: usize| near(anchors.row(anchor), corpus.row(row), Similarity::Cosine);
        let least = positives[anchor].iter().map(|row| score(*row)).fold(1., f64::min);
        let mut fit: Vec<usize> = (0..600)
            .filter(|row| !positives[anchor].contains(row))
            .filter(|row| (0.1..=0.7).contains(&score(*row)) && score(*row) - 0.9 <= least)
            .collect();
        fit.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
        let expected: Vec<f64> = fit.iter().skip(2).take(4).map(|row| score(*row)).collect();
        assert_eq!(mined.negatives.len(), expected.len(), "anchor {anchor}");
        for (hit, exact) in mined.negatives.iter().zip(&expected) {
            assert!((f64::from(hit.score) - exact).abs() < ROUNDING, "{hit:?} {exact}");
        }
        full += usize::from(expected.len() == 4);
    }
    assert!(full > 20, "the bounds leave nothing to compare");

    options.sampling = Sampling::Random;
    let draw = |seed: u64| {
        let mut options = options.clone();
        options.seed = seed;
        mine_hard_negatives(&anchors, &corpus, &positives, &options).unwrap()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    options.num_negatives = 600;
    let error = mine_hard_negatives(&anchors, &corpus, &positives, &options).unwrap_err();
    assert!(error.to_string().contains("600 negatives do not fit"), "{error}");
}

/// The fixture is made by `eval/peers/quantize_fixture.py`.
#[test]
fn fewer_bits_are_those_of_sentence_transformers() {
    let text = std::fs::read_to_string(fixture("quantized.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let matrix = |name: &str| -> Vec<Vec<f32>> {
        serde_json::from_value(json[name].clone()).unwrap_or_else(|_| panic!("{name}"))
    };
    let rows = |name| Embeddings::new(11, matrix(name).concat());
    let (own, other) = (rows("rows"), rows("calibration"));
    for (name, precision, calibration) in [
        ("int8", Precision::Int8, Some(&own)),
        ("uint8", Precision::Uint8, Some(&own)),
        ("int8_calibrated", Precision::Int8, Some(&other)),
        ("uint8_calibrated", Precision::Uint8, Some(&other)),
        ("binary", Precision::Binary, None),
        ("ubinary", Precision::Ubinary, None),
    ] {
        let ranges = calibration.map(|rows| Ranges::of(rows).unwrap());
        let found = quantize_embeddings(&own, precision, ranges.as_ref()).unwrap();
        let found: Vec<Vec<f32>> = found.rows().map(|row| found.values(row)).collect();
        assert_eq!(found, matrix(name), "{name}");
    }
}
