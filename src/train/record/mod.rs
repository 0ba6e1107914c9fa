//! What a run leaves beside its model: the log, files derived from it, provenance, model card.

pub(super) mod card;
mod event;
pub(super) mod history;
pub(super) mod log;
mod provenance;
mod report_to;
mod results;
mod tensorboard;
pub(super) mod times;

pub use event::{EvaluationEvent, Event, StepEvent};
pub use provenance::{DataOrigin, ModelOrigin, Provenance, cpu};
pub use report_to::ReportTo;
pub use results::{SetMetrics, SetResults, TrainingResults};
pub use tensorboard::TensorBoard;
pub use times::now;
