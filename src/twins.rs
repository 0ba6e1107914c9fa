//! What two passes said of one batch: all that an objective sees.

use crate::error::{Error, ErrorKind, Result};
use candle_core::Tensor;

/// What one pass said: N examples of K texts each.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The embeddings of each column of texts, each (N, D): sentence or anchor, then the second
    /// sentence or positive, then hard negatives.
    pub columns: Vec<Tensor>,
    /// Class logits, (N, C), where the model has a head.
    pub logits: Option<Tensor>,
}

/// What people say of the batch.
#[derive(Debug, Clone)]
pub enum Labels {
    /// Nothing. Two texts of an example are then an anchor and its positive.
    None,
    /// How alike the two texts are, 0..1, (N).
    Scores(Tensor),
    /// Which class the example is of, (N) of u32.
    Classes(Tensor),
}

/// One batch, seen once or twice.
#[derive(Debug, Clone)]
pub struct Twins {
    /// What the first pass said.
    pub first: Sight,
    /// What the second pass said, where the objective asked for one.
    pub second: Option<Sight>,
    /// What people say.
    pub labels: Labels,
}

fn lacks(what: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the objective needs {what}, which the data lack"))
}

impl Twins {
    /// N embeddings seen twice and nothing else.
    pub fn of(u: Tensor, v: Tensor) -> Self {
        let sight = |x| Sight { columns: vec![x], logits: None };
        Self { first: sight(u), second: Some(sight(v)), labels: Labels::None }
    }

    /// Both sights, `(first, second)`.
    ///
    /// # Errors
    /// Where the batch was seen once.
    pub fn both(&self) -> Result<(&Sight, &Sight)> {
        Ok((&self.first, self.second.as_ref().ok_or_else(|| lacks("a second pass"))?))
    }

    /// The sights there are.
    pub fn sights(&self) -> impl Iterator<Item = &Sight> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// Each column of texts as seen twice: `(u, v)`, each (N, D).
    ///
    /// # Errors
    /// Where the batch was seen once.
    pub fn views(&self) -> Result<Vec<(&Tensor, &Tensor)>> {
        let (first, second) = self.both()?;
        Ok(first.columns.iter().zip(&second.columns).collect())
    }

    /// Class logits of both passes and the classes: `(p, q, y)`.
    ///
    /// # Errors
    /// Where there is no head, no second pass or no class.
    pub fn predictions(&self) -> Result<(&Tensor, &Tensor, &Tensor)> {
        let (first, second) = self.both()?;
        match (&first.logits, &second.logits) {
            (Some(p), Some(q)) => Ok((p, q, self.classes()?)),
            _ => Err(lacks("class logits (a head)")),
        }
    }

    /// The classes, (N).
    ///
    /// # Errors
    /// Where there are none.
    pub fn classes(&self) -> Result<&Tensor> {
        match &self.labels {
            Labels::Classes(classes) => Ok(classes),
            _ => Err(lacks("class labels")),
        }
    }

    /// The scores, (N), 0..1.
    ///
    /// # Errors
    /// Where there are none.
    pub fn scores(&self) -> Result<&Tensor> {
        match &self.labels {
            Labels::Scores(scores) => Ok(scores),
            _ => Err(lacks("scores")),
        }
    }
}

impl Sight {
    /// The two texts of each example, each (N, D).
    ///
    /// # Errors
    /// Where examples have one text.
    pub fn pair(&self) -> Result<(&Tensor, &Tensor)> {
        match &self.columns[..] {
            [u, v, ..] => Ok((u, v)),
            _ => Err(lacks("two texts an example")),
        }
    }
}
