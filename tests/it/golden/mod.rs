//! Numbers against the reference's (float64), on the fixtures in the directory that
//! `$TWINDROP_GOLDEN` names. Everything here goes through the public door; `--nocapture` shows
//! the worst error of each group.

mod correlation;
mod encoder;
mod fixture;
mod geometry;
mod losses;
mod measure;
mod text;
mod training;
mod whitening;
