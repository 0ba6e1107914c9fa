//! Objectives: losses over the outputs of a batch under one or two stochastic views. One file a
//! paper; no parameters, no state, no randomness. Every loss is a mean over the batch.

mod agreement;
mod angle;
mod bce;
mod consert;
mod contrastive;
mod cosent;
mod cosine_mse;
mod distillation;
mod listwise;
mod loss;
mod maths;
mod matryoshka;
mod mlm;
mod mnrl;
mod online_contrastive;
mod ramp;
mod rdrop;
mod regression;
mod requirements;
mod simcse;
mod softmax;
mod sum;
mod triplet;

pub use agreement::WithAgreement;
pub use angle::Angle;
pub use bce::BinaryCrossEntropy;
pub use consert::{ConSert, Contrast, ViewSide};
pub use contrastive::Contrastive;
pub use cosent::CoSent;
pub use cosine_mse::CosineMse;
pub use distillation::Distillation;
pub use listwise::Listwise;
pub use loss::Loss;
pub use matryoshka::Matryoshka;
pub use mlm::Mlm;
pub use mnrl::Mnrl;
pub use online_contrastive::OnlineContrastive;
pub use ramp::Ramp;
pub use rdrop::{Divergence, Kl, RDrop, RDropTarget, Reduction};
pub use regression::Regression;
pub use requirements::{HeadKind, LabelKind, Objective, Passes, Requirements, supervised};
pub use simcse::SimCse;
pub use softmax::Softmax;
pub use sum::Sum;
pub use triplet::{Distance, Triplet};
