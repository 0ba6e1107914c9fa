//! What transformers takes for a setting that a `config.json` leaves out, where an architecture
//! has it of BERT.

pub(super) fn gelu() -> String {
    "gelu".into()
}
pub(super) fn tenth() -> f32 {
    0.1
}
pub(super) fn positions() -> usize {
    512
}
pub(super) fn types() -> usize {
    2
}
pub(super) fn epsilon() -> f32 {
    1e-12
}
pub(super) fn deviation() -> f64 {
    0.02
}
