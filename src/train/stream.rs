//! A dataset as the trainer reads it: tokenised once, batched for ever.

use crate::data::{self, Batches, Dataset};
use crate::error::{Error, Result};
use crate::model::Batch;
use crate::objective::Needs;
use crate::tokens::{Sequence, Tokenizer, Tokens};
use crate::twins::Labels;
use candle_core::{Device, Tensor};

/// What people say of each example.
enum Said {
    Nothing,
    Scores(Vec<f64>),
    Classes(Vec<u32>),
}

/// Batches of one dataset for one kind of objective.
pub struct Stream {
    sequences: Vec<Vec<Sequence>>,
    said: Said,
    order: data::Stream,
    batches: Option<(u64, Batches)>,
}

impl Stream {
    /// A stream of `dataset` for an objective with these `needs`. Where it needs no labels but
    /// the data have them, every text is an example by itself: two scored sentences are not an
    /// anchor and its positive. With `whole_batches` the odd rest of an epoch is left out.
    ///
    /// # Errors
    /// Where the data lack what the objective needs.
    pub fn new(
        dataset: &Dataset,
        tokenizer: &Tokenizer,
        needs: Needs,
        batch_size: usize,
        seed: u64,
        whole_batches: bool,
    ) -> Result<Self> {
        let labelled = dataset.is_scored() || !dataset.classes.is_empty();
        let lacks = |what| {
            Error::data(&dataset.path, format!("has no {what}, which the objective needs"))
        };
        let said = match needs {
            Needs::Scores if !dataset.is_scored() => return Err(lacks("scores")),
            Needs::Classes if dataset.classes.is_empty() => return Err(lacks("class labels")),
            Needs::Scores if dataset.width() < 2 => return Err(lacks("second sentence")),
            Needs::Vectors => return Err(lacks("teacher's vectors")),
            Needs::Scores => Said::Scores(dataset.unit_scores()),
            Needs::Classes => Said::Classes(dataset.class_labels()),
            Needs::Sentences => Said::Nothing,
        };
        let apart = needs == Needs::Sentences && labelled;
        let columns = if apart { 1 } else { dataset.width() };
        let texts: Vec<&str> = dataset.sentences().collect();
        let flat = tokenizer.encode(&texts)?;
        let sequences: Vec<Vec<Sequence>> =
            flat.chunks_exact(columns).map(<[Sequence]>::to_vec).collect();
        let mut order = data::Stream::new(sequences.len(), batch_size, seed)?;
        if whole_batches && sequences.len().min(batch_size) < 2 {
            let words = "batches of 1 example; telling sentences apart needs at least 2";
            return Err(Error::data(&dataset.path, words));
        }
        if whole_batches && sequences.len() >= batch_size {
            order = order.drop_last()?;
        }
        Ok(Self { sequences, said, order, batches: None })
    }

    /// How many batches an epoch has.
    pub fn batches_per_epoch(&self) -> u64 {
        self.order.batches_per_epoch()
    }

    /// Texts of an example.
    pub fn columns(&self) -> usize {
        self.sequences[0].len()
    }

    /// Whether examples carry labels.
    pub fn is_labelled(&self) -> bool {
        !matches!(self.said, Said::Nothing)
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
        let items = batches.next().expect("a stream has no end").items;
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
        Ok(Batch { tokens, columns, labels: self.labels(&items)? })
    }

    fn labels(&self, items: &[u32]) -> Result<Labels> {
        Ok(match &self.said {
            Said::Nothing => Labels::None,
            Said::Scores(scores) => Labels::Scores(pick(scores, items)?),
            Said::Classes(classes) => Labels::Classes(pick(classes, items)?),
        })
    }
}

fn pick<T: Copy + candle_core::WithDType>(values: &[T], items: &[u32]) -> Result<Tensor> {
    let picked: Vec<T> = items.iter().map(|&item| values[item as usize]).collect();
    Ok(Tensor::from_vec(picked, items.len(), &Device::Cpu)?)
}
