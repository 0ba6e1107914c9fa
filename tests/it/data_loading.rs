//! Which examples come together, in what order, and what of them reaches the model.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use twindrop::Result;
use twindrop::data::{self, BatchSampler, Dataset, ReadOptions, contrast_triplets, read_from};
use twindrop::objective::LabelKind;
use twindrop::outputs::Targets;
use twindrop::sentence_encoder::SentenceEncoder;
use twindrop::tokens::{Tokenizer, Tokens};
use twindrop::train::{
    DataConfig, DataLoader, DataLoaderOptions, Event, PhaseConfig, PhaseSampler, Run,
    RunConfig, StageConfig,
};

use crate::support::tiny;

const SAMPLERS: [BatchSampler; 4] = [
    BatchSampler::Shuffled,
    BatchSampler::NoDuplicates,
    BatchSampler::GroupByLabel,
    BatchSampler::GroupByLength,
];

/// Examples of `columns` texts, of one class and one length each.
#[derive(Debug, Clone)]
struct Examples {
    texts: Vec<u32>,
    columns: usize,
    classes: Vec<u32>,
    lengths: Vec<u32>,
}

impl Examples {
    fn len(&self) -> usize {
        self.classes.len()
    }

    fn texts(&self, item: u32) -> BTreeSet<u32> {
        let texts = self.texts.chunks(self.columns).nth(item as usize).unwrap();
        texts.iter().copied().collect()
    }

    fn stream(
        &self,
        sampler: BatchSampler,
        batch_size: usize,
        seed: u64,
        drop_last: bool,
    ) -> Result<data::BatchOrder> {
        let stream = data::BatchOrder::new(self.len(), batch_size, seed)?;
        let stream = match sampler {
            BatchSampler::Shuffled => stream,
            BatchSampler::NoDuplicates => stream.no_duplicates(&self.texts)?,
            BatchSampler::GroupByLabel => stream.group_by_label(&self.classes)?,
            BatchSampler::GroupByLength => stream.group_by_length(&self.lengths)?,
        };
        if drop_last { stream.drop_last() } else { Ok(stream) }
    }

    /// Whether the examples of a batch may be together.
    fn belong_together(&self, sampler: BatchSampler, batch: &[u32]) -> bool {
        match sampler {
            BatchSampler::Shuffled | BatchSampler::GroupByLength => true,
            BatchSampler::NoDuplicates => {
                let all: BTreeSet<u32> = batch.iter().flat_map(|&i| self.texts(i)).collect();
                all.len() == batch.iter().map(|&item| self.texts(item).len()).sum::<usize>()
            }
            BatchSampler::GroupByLabel => batch
                .iter()
                .all(|&i| self.classes[i as usize] == self.classes[batch[0] as usize]),
        }
    }
}

fn any_examples() -> impl Strategy<Value = Examples> {
    (1usize..60, 1usize..4, 1u32..40, 1u32..6).prop_flat_map(
        |(len, columns, texts, classes)| {
            let many = |bound, count| prop::collection::vec(0..bound, count);
            (many(texts, len * columns), many(classes, len), many(50, len)).prop_map(
                move |(texts, classes, lengths)| Examples { texts, columns, classes, lengths },
            )
        },
    )
}

fn epoch(stream: &data::BatchOrder, epoch: u64) -> Vec<Vec<u32>> {
    let count = stream.batches_per_epoch();
    let batches = stream.batches(epoch * count).take(count as usize);
    batches.map(|batch| batch.items).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_epoch_keeps_what_its_sampler_promises(
        examples in any_examples(),
        sampler in prop::sample::select(&SAMPLERS[..]),
        batch_size in 1usize..12,
        seed in any::<u64>(),
        drop_last in any::<bool>(),
    ) {
        let stream = match examples.stream(sampler, batch_size, seed, drop_last) {
            Ok(stream) => stream,
            Err(error) => {
                // a plain order is refused only where there is no whole batch
                let refused = sampler == BatchSampler::NoDuplicates
                    || sampler == BatchSampler::GroupByLabel
                    || (drop_last && examples.len() < batch_size);
                prop_assert!(refused, "{}", error);
                return Ok(());
            }
        };
        for number in 0..3 {
            let batches = epoch(&stream, number);
            let seen: Vec<u32> = batches.concat();
            let distinct: BTreeSet<u32> = seen.iter().copied().collect();
            prop_assert_eq!(distinct.len(), seen.len(), "an example twice: {:?}", batches);
            prop_assert!(seen.iter().all(|&item| (item as usize) < examples.len()));
            let least = if drop_last { batch_size.min(2) } else { 1 };
            let sizes = least..=batch_size;
            prop_assert!(batches.iter().all(|b| sizes.contains(&b.len())), "{:?}", batches);
            for batch in &batches {
                prop_assert!(examples.belong_together(sampler, batch), "{:?}", batch);
            }
            if !drop_last && sampler != BatchSampler::NoDuplicates {
                prop_assert_eq!(seen.len(), examples.len());
            }
            prop_assert_eq!(&batches, &epoch(&stream, number));
        }
    }

    #[test]
    fn a_batch_is_a_function_of_its_number(
        examples in any_examples(),
        sampler in prop::sample::select(&SAMPLERS[..]),
        batch_size in 1usize..12,
        start in 0u64..40,
    ) {
        if let Ok(stream) = examples.stream(sampler, batch_size, 7, false) {
            let resumed: Vec<_> = stream.batches(start).take(9).collect();
            let all: Vec<_> = stream.batches(0).skip(start as usize).take(9).collect();
            let alone: Vec<_> = (start..start + 9).map(|number| stream.batch(number)).collect();
            prop_assert_eq!(&resumed, &all);
            prop_assert_eq!(&resumed, &alone);
        }
    }
}

/// 1000 pairs, every tenth of which has a text of the pair before it.
fn thousand() -> Examples {
    let pair = |i: u32| if i % 10 == 1 { [2 * i - 2, 2 * i + 1] } else { [2 * i, 2 * i + 1] };
    Examples {
        texts: (0..1000).flat_map(pair).collect(),
        columns: 2,
        classes: (0..1000).map(|i| i % 7).collect(),
        lengths: (0..1000).map(|i| i * i % 97).collect(),
    }
}

#[test]
fn epochs_and_seeds_differ_under_every_sampler() {
    let examples = thousand();
    for sampler in SAMPLERS {
        let stream = examples.stream(sampler, 32, 1, false).unwrap();
        let other = examples.stream(sampler, 32, 2, false).unwrap();
        let as_set = |batches: Vec<Vec<u32>>| {
            let sorted = batches.into_iter().map(|mut batch| {
                batch.sort_unstable();
                batch
            });
            sorted.collect::<BTreeSet<_>>()
        };
        let [first, second, third] =
            [epoch(&stream, 0), epoch(&stream, 1), epoch(&other, 0)].map(as_set);
        // not the same batches in another order, either
        assert!(first.is_disjoint(&second), "{sampler}: epochs share batches");
        assert!(first.is_disjoint(&third), "{sampler}: seeds share batches");
    }
}

#[test]
fn batches_grouped_by_length_are_of_about_one_length() {
    let examples = thousand();
    let spread = |sampler| {
        let stream = examples.stream(sampler, 32, 1, true).unwrap();
        let length = |item: &u32| examples.lengths[*item as usize];
        let spreads = epoch(&stream, 0).into_iter().map(|batch| {
            batch.iter().map(length).max().unwrap() - batch.iter().map(length).min().unwrap()
        });
        spreads.sum::<u32>() / stream.batches_per_epoch() as u32
    };
    assert!(spread(BatchSampler::Shuffled) > 80);
    assert!(spread(BatchSampler::GroupByLength) < 20);
}

#[test]
fn few_duplicates_cost_no_example_its_place() {
    let examples = thousand();
    let stream = examples.stream(BatchSampler::NoDuplicates, 32, 1, false).unwrap();
    assert_eq!(stream.batches_per_epoch(), 32);
    let whole = examples.stream(BatchSampler::NoDuplicates, 32, 1, true).unwrap();
    assert_eq!(whole.batches_per_epoch(), 31);
    for number in 0..20 {
        assert_eq!(epoch(&stream, number).concat().len(), 1000);
        assert!(epoch(&whole, number).iter().all(|batch| batch.len() == 32));
    }
}

#[test]
fn a_frequent_text_is_once_in_each_batch_and_its_examples_take_turns() {
    // text 0 in 500 examples, each other text in one
    let texts: Vec<u32> = (0..1000).map(|i| if i < 500 { 0 } else { i }).collect();
    let stream = data::BatchOrder::new(1000, 50, 3).unwrap().no_duplicates(&texts).unwrap();
    assert_eq!(stream.batches_per_epoch(), 20);
    let mut frequent = BTreeSet::new();
    for number in 0..10 {
        let batches = epoch(&stream, number);
        let of_it = |batch: &Vec<u32>| batch.iter().filter(|&&item| item < 500).count();
        assert!(batches.iter().all(|batch| of_it(batch) == 1));
        assert_eq!(batches.concat().len(), 520);
        frequent.extend(batches.concat().into_iter().filter(|&item| item < 500));
    }
    assert!(frequent.len() > 150, "{} of its examples in 10 epochs", frequent.len());
    // whole batches are fewer, so that none is left with one example
    let whole = stream.drop_last().unwrap();
    assert_eq!(whole.batches_per_epoch(), (1000 - 1 - 500) / 50 + 1);
    assert!(epoch(&whole, 0).iter().all(|batch| batch.len() == 50));
}

#[test]
fn examples_that_make_no_batch_are_refused_in_a_sentence() {
    let new = |len, size| data::BatchOrder::new(len, size, 1).unwrap();
    let message = |stream: Result<data::BatchOrder>| stream.unwrap_err().to_string();
    let equal = message(new(5, 2).no_duplicates(&[9; 5]));
    assert!(equal.starts_with("one text occurs in all 5 examples"), "{equal}");
    let star =
        message(new(5, 2).no_duplicates(&[0, 1, 0, 2, 0, 3, 1, 4, 1, 5]).unwrap().drop_last());
    assert!(star.starts_with("one of 5 examples shares texts with 4 others"), "{star}");
    let label = message(new(5, 2).group_by_label(&[3; 5]));
    assert!(label.starts_with("all 5 examples have the same class label"), "{label}");
    let single = message(new(3, 2).group_by_label(&[0, 1, 2]).unwrap().drop_last());
    assert!(single.starts_with("no class has two of the 3 examples"), "{single}");
    for stream in [
        new(5, 8).no_duplicates(&[1, 2, 3, 4, 5]),
        new(5, 8).group_by_label(&[1, 1, 2, 2, 2]),
        new(5, 8).group_by_length(&[1, 2, 3, 4, 5]),
    ] {
        let few = message(stream.unwrap().drop_last());
        assert!(few.starts_with("5 examples do not fill one batch of 8"), "{few}");
    }
    assert!(new(5, 2).no_duplicates(&[1, 2, 3]).is_err());
    assert!(new(5, 2).no_duplicates(&[]).is_err());
    assert!(new(5, 2).group_by_length(&[1, 2, 3]).is_err());
}

fn dataset(name: &str, text: &str) -> Dataset {
    read_from(text.as_bytes(), name.as_ref(), &ReadOptions::default()).unwrap()
}

fn encoder(dataset: &Dataset) -> SentenceEncoder {
    tiny(dataset.sentences(), 1)
}

/// The texts of a batch, found by their tokens among those of `dataset`.
fn texts<'a>(tokens: &Tokens, dataset: &'a Dataset, tokenizer: &Tokenizer) -> Vec<&'a str> {
    let known: Vec<&str> = dataset.sentences().collect();
    let sequences = tokenizer.encode(&known).unwrap();
    let ids = sequences.iter().map(|sequence| sequence.ids());
    let by_ids: BTreeMap<&[u32], &str> = ids.zip(known).collect();
    tokens.packing.ranges().map(|range| by_ids[&tokens.ids[range]]).collect()
}

/// An epoch of a stream: of each example its texts and its class.
fn streamed(dataset: &Dataset, options: DataLoaderOptions) -> Vec<(Vec<String>, Option<u32>)> {
    let encoder = encoder(dataset);
    let mut stream = DataLoader::new(dataset, encoder.tokenizer(), options).unwrap();
    let mut seen = Vec::new();
    for number in 0..stream.batches_per_epoch() {
        let batch = stream.batch(number).unwrap();
        let texts = texts(&batch.tokens, dataset, encoder.tokenizer());
        let examples = texts.len() / batch.texts_per_example;
        let classes = match &batch.targets {
            Targets::Classes(classes) => classes.to_vec1::<u32>().unwrap(),
            _ => Vec::new(),
        };
        for example in 0..examples {
            let columns =
                (0..batch.texts_per_example).map(|k| texts[k * examples + example].to_string());
            seen.push((columns.collect(), classes.get(example).copied()));
        }
    }
    seen.sort();
    seen
}

fn owned(rows: &[(&[&str], Option<u32>)]) -> Vec<(Vec<String>, Option<u32>)> {
    let own = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect();
    let mut rows: Vec<_> = rows.iter().map(|(texts, class)| (own(texts), *class)).collect();
    rows.sort();
    rows
}

fn classified() -> DataLoaderOptions {
    DataLoaderOptions {
        needs: LabelKind::Classes,
        batch_size: 2,
        ..DataLoaderOptions::default()
    }
}

#[test]
fn a_single_text_comes_with_its_class() {
    let columns = Some(["label", "_", "text"].map(String::from).to_vec());
    let options = ReadOptions { columns, ..ReadOptions::default() };
    let text = "110\tmilitary\tthe army\n9\tculture\ta poem\n110\tmilitary\ta tank\n";
    let set = read_from(text.as_bytes(), "news.tsv".as_ref(), &options).unwrap();
    assert_eq!(set.classes, ["9", "110"]);
    let expected =
        [(&["the army"][..], Some(1)), (&["a poem"], Some(0)), (&["a tank"], Some(1))];
    assert_eq!(streamed(&set, classified()), owned(&expected));
}

#[test]
fn inference_pairs_have_the_same_classes_in_any_order_of_lines() {
    let lines = ["p\ta\tneutral", "p\tb\tentailment", "q\tc\tcontradiction"];
    let expected = [(&["p", "a"][..], Some(2)), (&["p", "b"], Some(1)), (&["q", "c"], Some(0))];
    for turned in 0..3 {
        let mut lines = lines;
        lines.rotate_left(turned);
        let set = dataset("nli.tsv", &lines.join("\n"));
        assert_eq!(streamed(&set, classified()), owned(&expected));
    }
}

#[test]
fn hard_negatives_stay_with_their_anchor_in_the_order_of_their_numbers() {
    let text = "negative_2,anchor,negative_1,positive\nn2,a,n1,p\nm2,b,m1,q\nk2,c,k1,r\n";
    let set = dataset("triplets.csv", text);
    let expected = [["a", "p", "n1", "n2"], ["b", "q", "m1", "m2"], ["c", "r", "k1", "k2"]];
    let expected: Vec<_> = expected.iter().map(|row| (&row[..], None)).collect();
    let options = DataLoaderOptions { batch_size: 2, ..DataLoaderOptions::default() };
    assert_eq!(streamed(&set, options), owned(&expected));
}

#[test]
fn simcse_names_its_columns_its_own_way() {
    let set = dataset("nli_for_simcse.csv", "sent0,sent1,hard_neg\na,\"b, b\",c\nd,e,f\n");
    assert_eq!(set.examples.len(), 2);
    let expected = [(&["a", "b, b", "c"][..], None), (&["d", "e", "f"], None)];
    assert_eq!(streamed(&set, DataLoaderOptions::default()), owned(&expected));
}

#[test]
fn triplets_of_inference_pairs_stream_like_any() {
    let text = "p\tx\tcontradiction\np\ta\tentailment\np\tn\tneutral\nq\tb\tentailment\n";
    let set = contrast_triplets(&dataset("nli.tsv", text)).unwrap();
    let expected = [(&["p", "a", "x"][..], None)];
    assert_eq!(streamed(&set, DataLoaderOptions::default()), owned(&expected));
}

#[test]
fn labelled_texts_stand_alone_where_no_label_is_asked_for() {
    let set = dataset("pairs.tsv", "a\tb\t1.0\nc\td\t0.5\n");
    let expected = [(&["a"][..], None), (&["b"], None), (&["c"], None), (&["d"], None)];
    assert_eq!(streamed(&set, DataLoaderOptions::default()), owned(&expected));
}

#[test]
fn texts_that_stand_alone_are_grouped_by_the_class_of_their_pair() {
    let text = "a\tb\tneutral\nc\td\tentailment\ne\tf\tneutral\n";
    let set = dataset("nli.tsv", text);
    let encoder = encoder(&set);
    let options = DataLoaderOptions {
        batch_size: 4,
        batch_sampler: BatchSampler::GroupByLabel,
        ..DataLoaderOptions::default()
    };
    let mut stream = DataLoader::new(&set, encoder.tokenizer(), options).unwrap();
    let mut batches = Vec::new();
    for number in 0..stream.batches_per_epoch() {
        let batch = stream.batch(number).unwrap();
        let mut texts = texts(&batch.tokens, &set, encoder.tokenizer());
        texts.sort_unstable();
        batches.push(texts.concat());
    }
    batches.sort();
    assert_eq!(batches, ["abef", "cd"]);
}

#[test]
fn what_the_model_reads_alike_is_one_text() {
    let set = dataset("f.txt", "the cat\nThe  Cat\na dog\na bird\na cow\n");
    let encoder = encoder(&set);
    let options = DataLoaderOptions {
        batch_size: 2,
        batch_sampler: BatchSampler::NoDuplicates,
        whole_batches: true,
        ..DataLoaderOptions::default()
    };
    let mut stream = DataLoader::new(&set, encoder.tokenizer(), options).unwrap();
    for number in 0..40 {
        let tokens = stream.batch(number).unwrap().tokens;
        let [one, other] = [0, 1].map(|i| &tokens.ids[tokens.packing.range(i)]);
        assert_ne!(one, other, "batch {number}");
    }
}

#[test]
fn a_joined_pair_is_one_sequence_of_two_types() {
    let set = dataset("pairs.tsv", "a b\tc\t1.0\nd\te f\t0.5\n");
    let encoder = encoder(&set);
    let options = DataLoaderOptions {
        needs: LabelKind::Scores,
        joined: true,
        batch_size: 2,
        ..DataLoaderOptions::default()
    };
    let mut stream = DataLoader::new(&set, encoder.tokenizer(), options).unwrap();
    assert_eq!(stream.columns(), 1);
    let batch = stream.batch(0).unwrap();
    let pairs = encoder.tokenizer().encode_pairs(&[("a b", "c"), ("d", "e f")]).unwrap();
    for range in batch.tokens.packing.ranges() {
        let types = &batch.tokens.types[range.clone()];
        let ids = &batch.tokens.ids[range];
        let which = pairs.iter().position(|pair| pair.ids() == ids).expect("a pair of the set");
        // [CLS] first [SEP] of type 0, second [SEP] of type 1
        assert_eq!(types, if which == 0 { [0, 0, 0, 0, 1, 1] } else { [0, 0, 0, 1, 1, 1] });
    }
    assert!(matches!(batch.targets, Targets::Scores(_)));
    let triplets = dataset("triplets.tsv", "a\tb\tc\n");
    let options = DataLoaderOptions { joined: true, ..DataLoaderOptions::default() };
    let error = DataLoader::new(&triplets, encoder.tokenizer(), options).err().unwrap();
    assert!(
        error.to_string().starts_with("triplets.tsv: has 3 texts per example, expected pairs")
    );
}

fn lines(word: &str, count: usize) -> Dataset {
    let lines = (0..count).map(|number| format!("{word} {number} of {count}\n"));
    dataset(&format!("{word}.txt"), &lines.collect::<String>())
}

/// The objective of each step of a run of one stage over two files, 9 and 3 batches of 4.
fn objectives(stage: StageConfig, accumulation: u64) -> Vec<String> {
    let sets = [lines("long", 36), lines("short", 12)];
    let texts = sets.iter().flat_map(Dataset::sentences);
    let encoder = tiny(texts, 1);
    let phase = |name: &str| PhaseConfig::of(name, DataConfig::of("unread"));
    let config = RunConfig {
        per_device_train_batch_size: 4,
        gradient_accumulation_steps: accumulation,
        stage: vec![StageConfig { cycle: vec![phase("simcse"), phase("consert")], ..stage }],
        ..RunConfig::default()
    };
    let run = Run::with_data(&config, encoder, &sets, None, None).unwrap();
    let mut seen = Vec::new();
    let mut listen = |event: &Event| {
        if let Event::Step(step) = event {
            seen.push(step.objective.clone());
        }
        Ok(())
    };
    run.run(&mut listen).unwrap();
    seen
}

#[test]
fn an_epoch_in_proportion_is_once_through_all_data() {
    let proportional =
        || StageConfig { mix: PhaseSampler::Proportional, ..StageConfig::default() };
    let share = |seen: &[String]| seen.iter().filter(|name| *name == "SimCSE").count();
    let once = objectives(proportional(), 1);
    assert_eq!((once.len(), share(&once)), (12, 9));
    let thirds: Vec<usize> = once.chunks(4).map(share).collect();
    assert_eq!(thirds, [3, 3, 3]);
    let twice = objectives(StageConfig { num_train_epochs: Some(2.), ..proportional() }, 4);
    assert_eq!((twice.len(), share(&twice)), (6, 5));
}

#[test]
fn round_robin_counts_epochs_of_the_first_phase() {
    let seen = objectives(StageConfig::default(), 1);
    assert_eq!(seen.len(), 18);
    assert_eq!(seen[..3], ["SimCSE", &seen[1], "SimCSE"]);
    assert_ne!(seen[0], seen[1]);
}

#[test]
fn a_run_file_names_samplers_mixes_and_triplets() {
    let text = r#"
        batch-sampler = "no-duplicates"
        [[stage]]
        mix = "proportional"
        [[stage.cycle]]
        objective = "simcse"
        batch-sampler = "group_by_length"
        data = { path = "nli.tsv", nli-triplets = true }
        [[stage]]
        multi-dataset-batch-sampler = "round_robin"
        [[stage.cycle]]
        objective = "simcse"
        data = "f.txt"
    "#;
    let run: RunConfig = toml::from_str(text).unwrap();
    assert_eq!(run.batch_sampler, BatchSampler::NoDuplicates);
    assert_eq!(run.stage[0].mix, PhaseSampler::Proportional);
    assert_eq!(run.stage[0].cycle[0].batch_sampler, Some(BatchSampler::GroupByLength));
    assert!(run.stage[0].cycle[0].data.nli_triplets);
    assert_eq!(run.stage[1].mix, PhaseSampler::RoundRobin);
    assert!(!run.stage[1].cycle[0].data.nli_triplets);
    let again: RunConfig = toml::from_str(&toml::to_string(&run).unwrap()).unwrap();
    assert_eq!(again, run);
}

#[test]
fn a_phase_has_the_sampler_of_the_run_or_its_own() {
    let set = dataset("nli.tsv", "a\tb\tneutral\nc\td\tentailment\ne\tf\tneutral\n");
    let steps = |sampler, own| {
        let phase = PhaseConfig {
            batch_sampler: own,
            ..PhaseConfig::of("rdrop", DataConfig::of("unread"))
        };
        let config = RunConfig {
            batch_sampler: sampler,
            stage: vec![StageConfig { cycle: vec![phase], ..StageConfig::default() }],
            ..RunConfig::default()
        };
        Run::with_data(&config, encoder(&set), std::slice::from_ref(&set), None, None)
            .unwrap()
            .steps()
    };
    let (shuffled, labels) = (BatchSampler::Shuffled, BatchSampler::GroupByLabel);
    assert_eq!(steps(shuffled, None), 1);
    assert_eq!(steps(labels, None), 2);
    assert_eq!(steps(labels, Some(shuffled)), 1);
    assert_eq!(steps(shuffled, Some(labels)), 2);
}

#[test]
fn inference_pairs_become_triplets_where_the_run_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nli.tsv");
    let line = |n| format!("p{n}\te{n}\tentailment\np{n}\tc{n}\tcontradiction\n");
    std::fs::write(&path, (0..8).map(line).collect::<String>()).unwrap();
    let steps = |nli_triplets| {
        let data = DataConfig { nli_triplets, ..DataConfig::of(&path) };
        let config = RunConfig {
            preset: Some("tiny".into()),
            per_device_train_batch_size: 4,
            stage: vec![StageConfig {
                cycle: vec![PhaseConfig::of("simcse", data)],
                ..StageConfig::default()
            }],
            ..RunConfig::default()
        };
        Run::new(&config).unwrap().steps()
    };
    // 8 triplets, or 32 texts that stand alone
    assert_eq!((steps(true), steps(false)), (2, 8));
}
