//! The outputs of a batch in one or two forward passes: all that an objective sees.

use crate::error::{Error, ErrorKind, Result};
use candle_core::Tensor;

/// The output of a forward pass: N examples of K texts each.
#[derive(Debug, Clone, Default)]
pub struct ViewOutput {
    /// The embeddings of each column of texts, each (N, D): sentence or anchor, then the second
    /// sentence or positive, then hard negatives.
    pub columns: Vec<Tensor>,
    /// The output of the model's head: class logits, (N, C), or a regression's predictions, (N, 1).
    pub logits: Option<Tensor>,
    /// The output of a language model's head at the masked tokens, where tokens were masked.
    pub masked: Option<MaskedTokens>,
}

/// The output of a forward pass at the M masked tokens of a batch.
#[derive(Debug, Clone)]
pub struct MaskedTokens {
    /// Logits over the vocabulary, (M, V) of f32 or f64.
    pub logits: Tensor,
    /// The tokens that stood there, (M) of u32.
    pub targets: Tensor,
}

/// The labels of a batch.
#[derive(Debug, Clone)]
pub enum Targets {
    /// None. Two texts of an example are then an anchor and its positive.
    None,
    /// How alike the two texts are, 0..1, (N).
    Scores(Tensor),
    /// Which class the example is of, (N) of u32.
    Classes(Tensor),
    /// The same, with the weight of each class, (C).
    WeightedClasses {
        /// The classes, (N) of u32.
        classes: Tensor,
        /// The weights, (C).
        weights: Tensor,
    },
    /// The relevance of each pair to its query.
    Lists(Lists),
    /// A teacher's embeddings of each column of texts, each (N, D′).
    Vectors(Vec<Tensor>),
}

/// The pairs of a batch in lists of one query each.
#[derive(Debug, Clone, PartialEq)]
pub struct Lists {
    /// The relevance of each pair, or the score that a teacher gives it, (N).
    pub targets: Vec<f64>,
    /// The places of the pairs of each query with two or more.
    pub lists: Vec<Vec<u32>>,
}

impl Lists {
    /// The relevance of the pair at a place of the batch.
    pub(crate) fn target(&self, place: u32) -> f64 {
        self.targets[place as usize]
    }
}

/// The output of one or two forward passes of a batch.
#[derive(Debug, Clone)]
pub struct BatchOutput {
    /// The output of the first pass.
    pub first: ViewOutput,
    /// The output of the second pass, where the objective needs one.
    pub second: Option<ViewOutput>,
    /// The labels.
    pub targets: Targets,
}

fn missing(what: &str) -> Error {
    Error::new(
        ErrorKind::Config,
        format!("the objective needs {what}, which the batch does not have"),
    )
}

impl BatchOutput {
    /// The embeddings of two passes, (N, D) each, and nothing else.
    pub fn of(u: Tensor, v: Tensor) -> Self {
        let view_output = |x| ViewOutput { columns: vec![x], ..ViewOutput::default() };
        Self { first: view_output(u), second: Some(view_output(v)), targets: Targets::None }
    }

    /// The outputs of both passes, `(first, second)`.
    ///
    /// # Errors
    /// Where there is one pass.
    pub fn both(&self) -> Result<(&ViewOutput, &ViewOutput)> {
        Ok((&self.first, self.second.as_ref().ok_or_else(|| missing("a second forward pass"))?))
    }

    /// The outputs of the passes there are.
    pub fn outputs(&self) -> impl Iterator<Item = &ViewOutput> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// The output of the first pass alone.
    #[must_use]
    pub fn first_pass(&self) -> Self {
        Self { second: None, ..self.clone() }
    }

    /// N.
    ///
    /// # Errors
    /// Where neither embeddings nor logits say how many there are.
    pub fn examples(&self) -> Result<usize> {
        let rows = self.first.columns.first().or(self.first.logits.as_ref());
        Ok(rows.ok_or_else(|| missing("examples"))?.dim(0)?)
    }

    /// Each column of texts in both passes: `(u, v)`, each (N, D).
    ///
    /// # Errors
    /// Where there is one pass.
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
        Ok((first.logits()?, second.logits()?, self.classes()?))
    }

    /// The classes, (N).
    ///
    /// # Errors
    /// Where there are none.
    pub fn classes(&self) -> Result<&Tensor> {
        match &self.targets {
            Targets::Classes(classes) | Targets::WeightedClasses { classes, .. } => Ok(classes),
            _ => Err(missing("class labels")),
        }
    }

    /// The weight of each class, (C), where classes have weights.
    pub fn class_weights(&self) -> Option<&Tensor> {
        match &self.targets {
            Targets::WeightedClasses { weights, .. } => Some(weights),
            _ => None,
        }
    }

    /// The scores, (N), 0..1.
    ///
    /// # Errors
    /// Where there are none.
    pub fn scores(&self) -> Result<&Tensor> {
        match &self.targets {
            Targets::Scores(scores) => Ok(scores),
            _ => Err(missing("scores")),
        }
    }

    /// The lists of the batch.
    ///
    /// # Errors
    /// Where there are none.
    pub fn lists(&self) -> Result<&Lists> {
        match &self.targets {
            Targets::Lists(lists) => Ok(lists),
            _ => Err(missing("lists of pairs with a relevance")),
        }
    }

    /// A teacher's embeddings of each column of texts, each (N, D′).
    ///
    /// # Errors
    /// Where there is no teacher.
    pub fn teacher_embeddings(&self) -> Result<&[Tensor]> {
        match &self.targets {
            Targets::Vectors(vectors) => Ok(vectors),
            _ => Err(missing("a teacher's vectors")),
        }
    }
}

impl ViewOutput {
    /// The same with the first `width` numbers of every embedding.
    ///
    /// # Errors
    /// Where embeddings have fewer.
    pub fn narrow(&self, width: usize) -> Result<Self> {
        let narrow = |x: &Tensor| match x.dim(1)? {
            whole if whole < width => {
                let message =
                    format!("truncation to {width} dimensions: embeddings have {whole}");
                Err(Error::config(message + ", expected at most that"))
            }
            _ => Ok(x.narrow(1, 0, width)?.contiguous()?),
        };
        let columns = self.columns.iter().map(narrow).collect::<Result<_>>()?;
        Ok(Self { columns, ..self.clone() })
    }

    /// Class logits, (N, C), or a regression's predictions, (N, 1).
    ///
    /// # Errors
    /// Where the model has no head.
    pub fn logits(&self) -> Result<&Tensor> {
        self.logits.as_ref().ok_or_else(|| missing("a classification or regression head"))
    }

    /// What a regression head said of each example, (N).
    ///
    /// # Errors
    /// Where there is no head, or it says more than one number.
    pub fn prediction(&self) -> Result<Tensor> {
        let logits = self.logits()?;
        match logits.dims() {
            [_, 1] => Ok(logits.squeeze(1)?),
            _ => Err(missing("a regression head with one output")),
        }
    }

    /// What was said of the masked tokens.
    ///
    /// # Errors
    /// Where none were masked.
    pub fn masked(&self) -> Result<&MaskedTokens> {
        self.masked.as_ref().ok_or_else(|| missing("masked tokens"))
    }

    /// The two texts of each example, each (N, D).
    ///
    /// # Errors
    /// Where examples have one text.
    pub fn pair(&self) -> Result<(&Tensor, &Tensor)> {
        match &self.columns[..] {
            [u, v, ..] => Ok((u, v)),
            _ => Err(missing("two texts per example")),
        }
    }

    /// The negatives of each example's first text, one or more, each (N, D).
    ///
    /// # Errors
    /// Where examples have no third text.
    pub fn negatives(&self) -> Result<&[Tensor]> {
        match &self.columns[..] {
            [_, _, negatives @ ..] if !negatives.is_empty() => Ok(negatives),
            _ => Err(missing("three texts per example")),
        }
    }
}
