//! A dataset as the trainer reads it: tokenised once, batched for ever.

use crate::data::{self, BatchSampler, Batches, Dataset};
use crate::error::{Error, Result};
use crate::model::Batch;
use crate::objective::LabelKind;
use crate::outputs::{Lists, Targets};
use crate::tokens::{Sequence, Tokenizer, Tokens};
use crate::vectors::{Embeddings, distinct};
use candle_core::{Device, Tensor};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

/// How a dataset is streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataLoaderOptions {
    /// What the objective asks of the data.
    pub needs: LabelKind,
    /// Examples of a batch.
    pub batch_size: usize,
    /// Which of them come together.
    pub batch_sampler: BatchSampler,
    /// A pair is one sequence of two token types, read in one piece.
    pub joined: bool,
    /// The odd rest of an epoch is left out, and no batch has a single example: for objectives
    /// that tell the examples of a batch apart.
    pub whole_batches: bool,
    /// Orders descend from it.
    pub seed: u64,
}

impl Default for DataLoaderOptions {
    fn default() -> Self {
        Self {
            needs: LabelKind::None,
            batch_size: 32,
            batch_sampler: BatchSampler::default(),
            joined: false,
            whole_batches: false,
            seed: 42,
        }
    }
}

/// What people say of each example.
enum LabelColumn {
    Nothing,
    Scores(Vec<f64>),
    Classes(Vec<u32>),
    /// The relevance of each pair, and the number of its query.
    Lists {
        targets: Vec<f64>,
        queries: Vec<u32>,
    },
    /// A teacher's vectors, text by text of each example.
    Vectors(Embeddings),
}

/// Batches of one dataset for one kind of objective.
pub struct DataLoader {
    path: PathBuf,
    /// Sequences an example of the data became; they may be examples by themselves here.
    each: usize,
    sequences: Vec<Vec<Sequence>>,
    labels: LabelColumn,
    /// The weight of each class, (C).
    class_weights: Option<Tensor>,
    order: data::BatchOrder,
    batches: Option<(u64, Batches)>,
}

impl DataLoader {
    /// A loader of `dataset`. Where the objective needs no labels but the data have them, every
    /// text is an example by itself: two scored sentences are not an anchor and its positive.
    ///
    /// # Errors
    /// Where the data lack what the objective or the sampler needs, or have no pairs to join.
    pub fn new(
        dataset: &Dataset,
        tokenizer: &Tokenizer,
        options: DataLoaderOptions,
    ) -> Result<Self> {
        Self::with_teacher(dataset, tokenizer, options, None)
    }

    /// The same with a `teacher`'s vector for each text, example by example.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_teacher(
        dataset: &Dataset,
        tokenizer: &Tokenizer,
        options: DataLoaderOptions,
        teacher: Option<Embeddings>,
    ) -> Result<Self> {
        let labels = label_column(dataset, options.needs, teacher)?;
        let sequences = sequences(dataset, tokenizer, options)?;
        let order = order(dataset, &sequences, &labels, options)?;
        let sequences_in_all: usize = sequences.iter().map(Vec::len).sum();
        let each = sequences_in_all / dataset.examples.len();
        let path = dataset.path.clone();
        Ok(Self { path, each, sequences, labels, class_weights: None, order, batches: None })
    }

    /// The same with a weight for each class, in the order of the dataset's classes.
    ///
    /// # Errors
    /// Where the weights cannot become a tensor.
    pub fn with_class_weights(self, weights: Vec<f64>) -> Result<Self> {
        let count = weights.len();
        let class_weights = Some(Tensor::from_vec(weights, count, &Device::Cpu)?);
        Ok(Self { class_weights, ..self })
    }

    /// How many examples there are.
    pub fn examples(&self) -> usize {
        self.sequences.len()
    }

    /// Examples of a batch.
    pub fn batch_size(&self) -> usize {
        self.order.batch_size()
    }

    /// Tokens of an example, all its texts together, in the mean.
    pub fn tokens_per_example(&self) -> f64 {
        let tokens: usize = self.sequences.iter().flatten().map(Sequence::len).sum();
        tokens as f64 / self.sequences.len() as f64
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> u64 {
        self.order.batches_per_epoch()
    }

    /// Texts of an example.
    pub fn columns(&self) -> usize {
        self.sequences[0].len()
    }

    /// A teacher's vectors, text by text of each example, if it has one.
    pub(super) fn teacher(&self) -> Option<&Embeddings> {
        match &self.labels {
            LabelColumn::Vectors(vectors) => Some(vectors),
            _ => None,
        }
    }

    /// The examples of a batch of it in words: `examples 3, 17 and 94 more of pairs.tsv`.
    pub(super) fn name(&self, batch: &Batch) -> String {
        /// As many as a person looks up.
        const SOME: usize = 8;
        let samples = batch.tokens.packing.samples().iter();
        let rows: BTreeSet<u64> = samples.map(|sample| 1 + sample / self.each as u64).collect();
        let some: Vec<String> = rows.iter().take(SOME).map(u64::to_string).collect();
        let more = match rows.len().saturating_sub(SOME) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("examples {}{more} of {}", some.join(", "), self.path.display())
    }

    /// Whether examples carry labels.
    pub fn is_labelled(&self) -> bool {
        !matches!(self.labels, LabelColumn::Nothing)
    }

    /// Batch `number`, counted from the start of the run. Fast when asked for in order.
    ///
    /// # Errors
    /// Where labels cannot become a tensor.
    pub fn batch(&mut self, number: u64) -> Result<Batch> {
        let (mut next, mut batches) = match self.batches.take() {
            Some((next, batches)) if next == number => (next, batches),
            _ => (number, self.order.batches(number)),
        };
        let items = batches.next().expect("a loader has no end").items;
        next += 1;
        self.batches = Some((next, batches));
        let columns = self.columns();
        let places =
            (0..columns).flat_map(|column| items.iter().map(move |&item| (item, column)));
        let samples = places
            .clone()
            .map(|(item, column)| u64::from(item) * columns as u64 + column as u64);
        let sequences = places.map(|(item, column)| &self.sequences[item as usize][column]);
        let tokens = Tokens::pack(sequences, samples.collect());
        Ok(Batch { tokens, texts_per_example: columns, targets: self.labels(&items)? })
    }

    fn labels(&self, items: &[u32]) -> Result<Targets> {
        Ok(match &self.labels {
            LabelColumn::Nothing => Targets::None,
            LabelColumn::Scores(scores) => Targets::Scores(pick(scores, items)?),
            LabelColumn::Classes(classes) => {
                let classes = pick(classes, items)?;
                match self.class_weights.clone() {
                    Some(weights) => Targets::WeightedClasses { classes, weights },
                    None => Targets::Classes(classes),
                }
            }
            LabelColumn::Lists { targets, queries } => {
                Targets::Lists(lists(targets, queries, items))
            }
            LabelColumn::Vectors(vectors) => Targets::Vectors(self.columns_of(vectors, items)?),
        })
    }

    /// The vectors of each column of texts of some examples, each (N, D′).
    fn columns_of(&self, vectors: &Embeddings, items: &[u32]) -> Result<Vec<Tensor>> {
        let columns = self.columns();
        let column = |nth: usize| {
            let rows = items.iter().map(|&item| vectors.row(item as usize * columns + nth));
            let rows: Vec<f64> = rows.flatten().map(|&x| f64::from(x)).collect();
            Ok(Tensor::from_vec(rows, (items.len(), vectors.width()), &Device::Cpu)?)
        };
        (0..columns).map(column).collect()
    }
}

fn pick<T: Copy + candle_core::WithDType>(values: &[T], items: &[u32]) -> Result<Tensor> {
    let picked: Vec<T> = items.iter().map(|&item| values[item as usize]).collect();
    Ok(Tensor::from_vec(picked, items.len(), &Device::Cpu)?)
}

/// The lists of a batch: the places of the pairs of each query that has two or more there.
fn lists(targets: &[f64], queries: &[u32], items: &[u32]) -> Lists {
    let mut lists: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (place, &item) in (0..).zip(items) {
        lists.entry(queries[item as usize]).or_default().push(place);
    }
    Lists {
        targets: items.iter().map(|&item| targets[item as usize]).collect(),
        lists: lists.into_values().filter(|list| list.len() > 1).collect(),
    }
}

/// The number of the query, the first text, of each example; refused where no query has two.
fn query_numbers(dataset: &Dataset) -> Result<Vec<u32>> {
    let texts: Vec<&str> = dataset.texts(0).collect();
    let (queries, numbers) = distinct(&texts);
    if queries.len() == numbers.len() {
        let message = "no query has two documents; the objective ranks the documents of a query, \
                       which is the first text of several rows";
        return Err(Error::data(&dataset.path, message));
    }
    Ok(numbers.into_iter().map(|number| number as u32).collect())
}

fn label_column(
    dataset: &Dataset,
    needs: LabelKind,
    teacher: Option<Embeddings>,
) -> Result<LabelColumn> {
    let lacks = |what| {
        Err(Error::data(&dataset.path, format!("has no {what}, which the objective needs")))
    };
    let lacks_column = |what, role| {
        let columns = dataset.columns.join(", ");
        let message = format!(
            "has no {what}, which the objective needs, in the columns {columns}; name the column \
             that holds them, as --columns NAME={role}"
        );
        Err(Error::data(&dataset.path, message))
    };
    match needs {
        LabelKind::Scores | LabelKind::Lists if !dataset.is_scored() => {
            lacks_column("scores", "score")
        }
        LabelKind::Classes if dataset.classes.is_empty() => {
            lacks_column("class labels", "class")
        }
        LabelKind::Scores | LabelKind::Lists if dataset.width() < 2 => lacks("second sentence"),
        LabelKind::TeacherEmbeddings => match teacher {
            Some(vectors) => Ok(LabelColumn::Vectors(vectors)),
            None => lacks("teacher's vectors"),
        },
        LabelKind::Scores => Ok(LabelColumn::Scores(dataset.unit_scores())),
        LabelKind::Lists => {
            Ok(LabelColumn::Lists { targets: dataset.gold(), queries: query_numbers(dataset)? })
        }
        LabelKind::Classes => Ok(LabelColumn::Classes(dataset.class_labels())),
        LabelKind::None => Ok(LabelColumn::Nothing),
    }
}

/// The tokens of each example.
fn sequences(
    dataset: &Dataset,
    tokenizer: &Tokenizer,
    options: DataLoaderOptions,
) -> Result<Vec<Vec<Sequence>>> {
    let width = dataset.width();
    if options.joined {
        if width != 2 {
            let message = format!(
                "has {width} texts per example, expected pairs for a head with `joined`"
            );
            return Err(Error::data(&dataset.path, message));
        }
        let pairs: Vec<(&str, &str)> = dataset.texts(0).zip(dataset.texts(1)).collect();
        let joined = tokenizer.encode_pairs(&pairs)?;
        return Ok(joined.into_iter().map(|sequence| vec![sequence]).collect());
    }
    let apart = options.needs == LabelKind::None && dataset.is_labelled();
    let texts: Vec<&str> = dataset.sentences().collect();
    let flat = tokenizer.encode(&texts)?;
    Ok(flat.chunks_exact(if apart { 1 } else { width }).map(<[Sequence]>::to_vec).collect())
}

/// The order in which examples of these `sequences` are visited.
fn order(
    dataset: &Dataset,
    sequences: &[Vec<Sequence>],
    labels: &LabelColumn,
    options: DataLoaderOptions,
) -> Result<data::BatchOrder> {
    let DataLoaderOptions { batch_size, whole_batches, seed, .. } = options;
    let size = if whole_batches { batch_size.min(sequences.len()) } else { batch_size };
    let order = data::BatchOrder::new(sequences.len(), size, seed)?;
    if whole_batches && size < 2 {
        let message = "batches of 1 example, but in-batch negatives need at least 2";
        return Err(Error::data(&dataset.path, message));
    }
    let order = match options.batch_sampler {
        BatchSampler::Shuffled => match labels {
            LabelColumn::Lists { queries, .. } => order.in_lists(queries),
            _ => Ok(order),
        },
        BatchSampler::NoDuplicates => order.no_duplicates(&numbers(sequences)),
        BatchSampler::GroupByLabel => order.group_by_label(&classes(dataset, sequences.len())?),
        BatchSampler::GroupByLength => order.group_by_length(&lengths(sequences)),
    };
    let order =
        order.and_then(|order| if whole_batches { order.drop_last() } else { Ok(order) });
    order.map_err(|error| Error::data(&dataset.path, error))
}

/// Texts as numbers, the same number where the model reads the same: what differs only in what
/// the tokenizer ignores or cuts off is one text.
fn numbers(sequences: &[Vec<Sequence>]) -> Vec<u32> {
    let mut known = HashMap::new();
    let texts = sequences.iter().flatten().map(|text| {
        let next = known.len() as u32;
        *known.entry(text.ids()).or_insert(next)
    });
    texts.collect()
}

/// The class of each of `count` examples, texts that stand alone among them.
fn classes(dataset: &Dataset, count: usize) -> Result<Vec<u32>> {
    let classes = dataset.class_labels();
    if classes.is_empty() {
        let message = "has no class labels, which the batch sampler group-by-label needs";
        return Err(Error::data(&dataset.path, message));
    }
    let each = count / classes.len();
    Ok(classes.into_iter().flat_map(|class| std::iter::repeat_n(class, each)).collect())
}

/// The tokens of each example, all its texts together.
fn lengths(sequences: &[Vec<Sequence>]) -> Vec<u32> {
    let length = |texts: &Vec<Sequence>| texts.iter().map(Sequence::len).sum::<usize>() as u32;
    sequences.iter().map(length).collect()
}
