//! A check of the kernels written with intrinsics, once before a model's first product: a small
//! product of each dtype against plain loops. Instructions whose result differs are not used, and
//! a warning says so. Not every kernel could be run on every kind of CPU before it was released.

use super::dtype::ComputeDtype;
use super::int8::quantize_weights;
use super::layout::{Left, Packed};
use super::matrix::{Matrix, Target};
use super::multiply::multiply;
use crate::nn::kernels::MAGIC;
use crate::nn::kernels::isa::{Features, Isa, features, name_of, use_features};
use crate::random::RngKey;
use std::sync::OnceLock;

/// Rows, k and columns of the product: no multiple of a tile or a block, and more than one of each.
const SHAPE: (usize, usize, usize) = (15, 203, 37);

/// Runs the check at its first call.
pub(in crate::nn) fn self_test() {
    kernel_warnings();
}

/// What the check of the kernels found: a sentence for each kind of instruction that gave wrong
/// results on this CPU and is not used. Empty on a CPU that works.
pub fn kernel_warnings() -> &'static [String] {
    static WARNINGS: OnceLock<Vec<String>> = OnceLock::new();
    WARNINGS.get_or_init(|| {
        let product = |instructions: Features, dtype, operands: &Operands| {
            use_features(instructions);
            operands.product(dtype)
        };
        checked(features(), product).1
    })
}

/// Those of `instructions` with which `product` gives what it should, and a warning for each that
/// was taken out. The last call of `product` is with those that are left.
fn checked(
    mut instructions: Features,
    product: impl Fn(Features, ComputeDtype, &Operands) -> Vec<f32>,
) -> (Features, Vec<String>) {
    let operands = Operands::new();
    let mut warnings = Vec::new();
    for dtype in [ComputeDtype::F32, ComputeDtype::Bf16, ComputeDtype::Int8] {
        while dtype != ComputeDtype::Bf16 || instructions.bf16 {
            if operands.agrees(dtype, &product(instructions, dtype, &operands)) {
                break;
            }
            let Some(fewer) = without(instructions, dtype) else { break };
            warnings.push(format!(
                "the {dtype} kernels for {} gave a wrong product on this CPU, so {} is used; \
                 please report it with the output of `twindrop doctor`",
                name_of(instructions),
                name_of(fewer)
            ));
            instructions = fewer;
        }
    }
    (instructions, warnings)
}

/// The instructions left when those that multiply `dtype` are taken out; nothing where plain code
/// is all there is.
fn without(all: Features, dtype: ComputeDtype) -> Option<Features> {
    match dtype {
        ComputeDtype::Bf16 | ComputeDtype::Int8 if all.amx => {
            Some(Features { amx: false, ..all })
        }
        ComputeDtype::Bf16 if all.bf16 => Some(Features { bf16: false, ..all }),
        // without VNNI the level has no name that allows bf16 either
        ComputeDtype::Int8 if all.vnni => Some(Features { vnni: false, bf16: false, ..all }),
        _ => {
            let isa = match all.isa {
                Isa::Portable => return None,
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => Isa::Portable,
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => Isa::Avx2,
            };
            Some(Features { isa, ..Features::PORTABLE })
        }
    }
}

/// Operands of `a · bᵀ + bias`, both row-major along k.
struct Operands {
    a: Vec<f32>,
    b: Vec<f32>,
    bias: Vec<f32>,
}

impl Operands {
    fn new() -> Self {
        let (m, k, n) = SHAPE;
        let mut draws = RngKey::new(17).rng();
        let mut some = |len| (0..len).map(|_| draws.normal() as f32).collect::<Vec<_>>();
        let (mut a, mut b, bias) = (some(m * k), some(n * k), some(n));
        // the largest bytes by the largest weights of both signs: where 16 bits would saturate
        a[..k].iter_mut().enumerate().for_each(|(i, x)| *x = (i % 2) as f32);
        for row in b.chunks_exact_mut(k).take(2) {
            row.iter_mut().for_each(|x| *x = x.signum());
        }
        Self { a, b, bias }
    }

    /// The product by the kernels in use.
    fn product(&self, dtype: ComputeDtype) -> Vec<f32> {
        let (m, k, n) = SHAPE;
        let (mut left, mut right) = (Left::default(), Packed::default());
        right.pack_here(dtype, k, n, Matrix::columns(&self.b, k));
        left.pack(dtype, k, (0, m), Matrix::rows(&self.a, k));
        let mut out = vec![0f32; m * n];
        multiply(&left, &right, Some(&self.bias), Target::fresh(&mut out, n, n));
        out
    }

    /// Whether `found` is the product: integers to the bit, floats to rounding.
    fn agrees(&self, dtype: ComputeDtype, found: &[f32]) -> bool {
        match dtype {
            ComputeDtype::F32 => {
                self.all(found, |x, y, bias, sum| near(x, y, bias, sum, f64::from))
            }
            ComputeDtype::Bf16 => {
                self.all(found, |x, y, bias, sum| near(x, y, bias, sum, bf16))
            }
            ComputeDtype::Int8 => self.integers() == found,
        }
    }

    /// Whether `agrees` of every row of `a`, row of `b`, bias and element of the product.
    fn all(&self, found: &[f32], agrees: impl Fn(&[f32], &[f32], f32, f32) -> bool) -> bool {
        let (_, k, n) = SHAPE;
        self.a.chunks_exact(k).zip(found.chunks_exact(n)).all(|(x, found)| {
            let mut columns = self.b.chunks_exact(k).zip(&self.bias).zip(found);
            columns.all(|((y, &bias), &sum)| agrees(x, y, bias, sum))
        })
    }

    /// The product of integers by the definition of [`int8`](super::int8).
    fn integers(&self) -> Vec<f32> {
        let (_, k, _) = SHAPE;
        let columns = self.b.chunks_exact(k).zip(&self.bias);
        let columns: Vec<_> = columns.map(|(y, &bias)| (weights(y), bias)).collect();
        let rows = self.a.chunks_exact(k).map(activations);
        rows.flat_map(|(unit, least, x)| {
            let sum = |((weight_unit, y), bias): &((f32, Vec<i32>), f32)| {
                let sum: i32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
                let total = weight_unit * y.iter().sum::<i32>() as f32;
                (sum as f32).mul_add(weight_unit * unit, total.mul_add(least, *bias))
            };
            columns.iter().map(sum).collect::<Vec<_>>()
        })
        .collect()
    }
}

/// A row rounded to `unit·q + least`: unit, least and q.
fn activations(x: &[f32]) -> (f32, f32, Vec<i32>) {
    let (least, most) = x.iter().fold((0f32, 0f32), |(l, m), &x| (l.min(x), m.max(x)));
    let unit = (most - least) / 254.;
    let inverse = 1. / unit;
    let zero = (-least * inverse).round_ties_even();
    let byte = |&x: &f32| i32::from(x.mul_add(inverse, MAGIC + zero).to_bits() as u8);
    (unit, -zero * unit, x.iter().map(byte).collect())
}

/// A column rounded to `unit·q`: unit and q.
fn weights(y: &[f32]) -> (f32, Vec<i32>) {
    let mut rounded = vec![0f32; y.len()];
    let unit = quantize_weights(y, &mut rounded);
    (unit, rounded.into_iter().map(|q| q as i32).collect())
}

/// Whether `found` is `Σ round(xᵢ)·round(yᵢ) + bias` but for the rounding of its sums.
fn near(x: &[f32], y: &[f32], bias: f32, found: f32, round: impl Fn(f32) -> f64) -> bool {
    let terms = x.iter().zip(y).map(|(&x, &y)| round(x) * round(y));
    let (sum, size) = terms
        .fold((f64::from(bias), 1.), |(sum, size), term| (sum + term, size + f64::abs(term)));
    (f64::from(found) - sum).abs() <= 1e-6 * size
}

/// The nearest bf16, ties to even, of a finite number.
fn bf16(x: f32) -> f64 {
    half::bf16::from_f32(x).to_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_of_this_cpu_agree_with_plain_loops() {
        assert_eq!(kernel_warnings(), [""; 0]);
    }

    #[test]
    fn instructions_that_give_wrong_products_are_taken_out_with_a_warning() {
        let all = features();
        let broken = |dtype: ComputeDtype, is_broken: fn(Features) -> bool| {
            let product =
                move |instructions: Features, one: ComputeDtype, operands: &Operands| {
                    let mut product = operands.product(one.available());
                    if one == dtype && is_broken(instructions) {
                        *product.last_mut().unwrap() += 0.01;
                    }
                    product
                };
            checked(all, product)
        };
        assert_eq!(broken(ComputeDtype::Int8, |_| false), (all, Vec::new()));
        if all.vnni {
            let (left, warnings) = broken(ComputeDtype::Int8, |features| features.vnni);
            assert_eq!(left, Features { vnni: false, bf16: false, amx: false, ..all });
            assert_eq!(warnings.len(), 1 + usize::from(all.amx));
            assert!(warnings[0].starts_with("the int8 kernels for "), "{warnings:?}");
        }
        if all.bf16 {
            let (left, warnings) = broken(ComputeDtype::Bf16, |_| true);
            assert_eq!(left, Features { bf16: false, amx: false, ..all });
            assert_eq!(warnings.len(), 1 + usize::from(all.amx));
        }
        let (left, warnings) =
            broken(ComputeDtype::F32, |features| features.isa != Isa::Portable);
        assert_eq!(left, Features::PORTABLE);
        assert_eq!(warnings.len(), all.isa as usize);
    }
}
