//! Numbers against a reference in float64, by public items alone; `--nocapture` shows the worst
//! error of each group. The reference is `tests/fixtures/golden`, which `tests/fixtures/golden.py`
//! computes, or another directory of that format that `TWINDROP_GOLDEN` names.

mod correlation;
mod encoder;
mod fixture;
mod geometry;
mod losses;
mod measure;
mod text;
mod training;
mod whitening;
