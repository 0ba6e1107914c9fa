//! Distillation of embeddings (Reimers & Gurevych 2020, arXiv 2004.09813, `MSELoss`).

use super::maths::mse;
use super::{LabelKind, Loss, Objective, Passes, Requirements};
use crate::error::{Error, Result};
use crate::outputs::{BatchOutput, ViewOutput};
use candle_core::Tensor;
use std::borrow::Cow;

/// `mean (u − t)²` over examples and features, t the teacher's embedding of the same text; over
/// several columns of texts, and over two passes, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Distillation;

impl Objective for Distillation {
    fn name(&self) -> Cow<'_, str> {
        "distillation".into()
    }

    fn requirements(&self) -> Requirements {
        Requirements::default()
            .with_labels(LabelKind::TeacherEmbeddings)
            .with_passes(Passes::fixed(1))
    }

    fn loss(&self, outputs: &BatchOutput, _progress: f64) -> Result<Loss> {
        let teacher = outputs.teacher_embeddings()?;
        Loss::mean_over_passes("distillation", outputs, |view| distance(view, teacher))
    }
}

fn distance(student: &ViewOutput, teacher: &[Tensor]) -> Result<Tensor> {
    if student.columns.len() != teacher.len() {
        let (ours, theirs) = (student.columns.len(), teacher.len());
        let message = format!("{ours} texts per example, but teacher embeddings for {theirs}");
        return Err(Error::config(message));
    }
    let errors = student.columns.iter().zip(teacher).map(|(u, t)| {
        same_width(u, t)?;
        Ok(mse(u, &t.to_dtype(u.dtype())?)?)
    });
    Ok(Tensor::stack(&errors.collect::<Result<Vec<_>>>()?, 0)?.mean_all()?)
}

fn same_width(student: &Tensor, teacher: &Tensor) -> Result<()> {
    let (ours, theirs) = (student.dim(1)?, teacher.dim(1)?);
    if ours == theirs {
        return Ok(());
    }
    let message =
        format!("{ours} dimensions, the teacher's {theirs}: expected the same number");
    Err(Error::config(format!("embeddings have {message}")))
}
