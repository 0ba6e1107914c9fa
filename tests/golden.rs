//! Numbers against the reference's (float64), on the fixtures in the directory that
//! `$TWINDROP_GOLDEN` names. Everything here goes through the public door; `--nocapture` shows
//! the worst error of each group.

#[path = "golden/encoder.rs"]
mod encoder;
#[path = "golden/fixture.rs"]
mod fixture;
#[path = "golden/geometry.rs"]
mod geometry;
#[path = "golden/losses.rs"]
mod losses;
#[path = "golden/measure.rs"]
mod measure;
#[path = "golden/text.rs"]
mod text;
#[path = "golden/training.rs"]
mod training;
#[path = "golden/whitening.rs"]
mod whitening;
