//! Losses and their gradients, on inputs of both widths.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use serde::Deserialize;
use twindrop::Result;
use twindrop::objective::{
    Angle, CoSent, ConSert, CosineMse, Loss, Matryoshka, Mnrl, Objective, RDrop, SimCse,
};
use twindrop::outputs::{BatchOutput, Targets, ViewOutput};

use super::fixture::{self, Array};
use super::measure::{Bound, Group, largest};

/// Each width with how far, relative to the largest number of a tensor, it may be off, and the
/// distance of two of its numbers at 1.
const WIDTHS: [(DType, f64, f64); 2] =
    [(DType::F64, 1e-9, f64::EPSILON), (DType::F32, 1e-5, f32::EPSILON as f64)];

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    params: BTreeMap<String, serde_json::Value>,
    inputs: BTreeMap<String, Array>,
    loss: f64,
    intermediate: BTreeMap<String, serde_json::Value>,
    grad: BTreeMap<String, Array>,
}

impl Case {
    /// A parameter that is a number.
    fn number(&self, name: &str) -> f64 {
        self.params[name].as_f64().unwrap_or_else(|| panic!("{}: {name}", self.name))
    }

    /// A parameter that is a list of numbers.
    fn numbers(&self, name: &str) -> Vec<f64> {
        let numbers = self.params[name].as_array().into_iter().flatten();
        numbers.map(|number| number.as_f64().expect("a number")).collect()
    }

    /// The shortest row of the inputs that have a gradient: a cosine's slope is at most its
    /// inverse.
    fn shortest(&self) -> f64 {
        let rows = self.grad.keys().flat_map(|name| self.inputs[name].each());
        let lengths = rows.map(|row| row.data.iter().map(|x| x * x).sum::<f64>().sqrt());
        lengths.fold(f64::INFINITY, f64::min)
    }

    /// The largest number of the inputs that have a gradient, and at least 1.
    fn tallest(&self) -> f64 {
        largest(self.grad.keys().flat_map(|name| self.inputs[name].data.clone())).max(1.)
    }

    /// N.
    fn examples(&self) -> f64 {
        let name = self.grad.keys().next().expect("a case has a gradient");
        self.inputs[name].shape[0] as f64
    }
}

/// A case's inputs as tensors of one width; those with a gradient are variables.
struct Inputs<'a> {
    case: &'a Case,
    variables: BTreeMap<&'a str, Var>,
    dtype: DType,
}

impl<'a> Inputs<'a> {
    fn new(case: &'a Case, dtype: DType) -> Result<Self> {
        let mut inputs = Self { case, variables: BTreeMap::new(), dtype };
        for name in case.grad.keys() {
            let variable = Var::from_tensor(&inputs.tensor(name)?)?;
            inputs.variables.insert(name, variable);
        }
        Ok(inputs)
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        if let Some(variable) = self.variables.get(name) {
            return Ok(variable.as_tensor().clone());
        }
        let Array { shape, data } = &self.case.inputs[name];
        let tensor = Tensor::from_vec(data.clone(), shape.clone(), &Device::Cpu)?;
        Ok(tensor.to_dtype(self.dtype)?)
    }

    /// These columns of texts, seen once.
    fn columns(&self, names: &[&str]) -> Result<ViewOutput> {
        let columns = names.iter().map(|name| self.tensor(name)).collect::<Result<_>>()?;
        Ok(ViewOutput { columns, ..ViewOutput::default() })
    }

    /// z1 and z2 as two sights of one sentence.
    fn twice(&self) -> Result<BatchOutput> {
        Ok(BatchOutput::of(self.tensor("z1")?, self.tensor("z2")?))
    }

    /// An anchor, its positive and as many negatives as there are.
    fn contrasted(&self) -> Result<BatchOutput> {
        let negatives: Vec<String> = (0..)
            .map(|nth| format!("negative_{nth}"))
            .take_while(|name| self.case.inputs.contains_key(name))
            .collect();
        let names: Vec<&str> =
            ["anchor", "positive"].into_iter().chain(negatives.iter().map(|n| &**n)).collect();
        Ok(once(self.columns(&names)?))
    }

    /// Pairs with a score.
    fn scored(&self) -> Result<BatchOutput> {
        let labels = Targets::Scores(self.tensor("labels")?);
        Ok(BatchOutput { targets: labels, ..once(self.columns(&["a", "b"])?) })
    }
}

/// A sight nobody labelled.
fn once(first: ViewOutput) -> BatchOutput {
    BatchOutput { first, second: None, targets: Targets::None }
}

/// What rounding alone does to a case, in units of ε: no loss that is nearly 0 and no gradient
/// that cancels can be nearer than this to its reference.
struct Rounding {
    loss: f64,
    gradient: f64,
}

impl Rounding {
    /// Cosines over a temperature: `log Σ eˣ` of a sum near 1 is known to ε, and a softmax to ε
    /// of the 1/(N·τ·‖z‖) that one example's gradient can be.
    fn of_contrast(case: &Case, temperature: f64) -> Self {
        Self { loss: 1., gradient: 1. / (case.examples() * temperature * case.shortest()) }
    }

    /// Logits as large as they come are known to ε times their size.
    fn of_logits(case: &Case) -> Self {
        let (loss, alpha) = (case.tallest(), case.number("weight"));
        Self { loss, gradient: loss * (1. + alpha) / case.examples() }
    }

    /// Differences of cosines over a temperature; one sum for the whole batch, so no 1/N.
    fn of_order(case: &Case) -> Self {
        Self { loss: 1., gradient: case.number("scale") / case.shortest() }
    }

    /// Squares of what is at most 2, whose slope is at most 4/‖z‖.
    fn of_squares(case: &Case) -> Self {
        Self { loss: 1., gradient: 4. / (case.examples() * case.shortest()) }
    }
}

/// Loss and gradients of every case of `topic`, in both widths.
fn assert_loss_and_gradients(
    topic: &str,
    loss: impl Fn(&Case, &Inputs) -> Result<Tensor>,
    rounding: impl Fn(&Case) -> Rounding,
) -> Result<()> {
    let Golden { cases } = fixture::open(topic);
    for (dtype, tolerance, epsilon) in WIDTHS {
        let mut losses = Group::new(format!("{topic}, {dtype:?}, losses"));
        let mut gradients = Group::new(format!("{topic}, {dtype:?}, gradients"));
        for case in &cases {
            let inputs = Inputs::new(case, dtype)?;
            let rounding = rounding(case);
            let loss = loss(case, &inputs)?;
            assert_eq!(loss.dtype(), dtype, "{topic}: {}", case.name);
            let found = loss.to_dtype(DType::F64)?.to_scalar()?;
            let bound = Bound { tolerance, floor: rounding.loss * epsilon };
            losses.check(&case.name, &[found], &[case.loss], bound);
            let store = loss.backward()?;
            for (name, reference) in &case.grad {
                let what = format!("{} {name}", case.name);
                let variable = inputs.variables[&**name].as_tensor();
                let found = store.get(variable).unwrap_or_else(|| panic!("{what} is cut"));
                assert_eq!(found.dims(), reference.shape, "{what}");
                let found = found.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
                let bound = Bound { tolerance, floor: rounding.gradient * epsilon };
                gradients.check(&what, &found, &reference.data, bound);
            }
        }
        losses.finish();
        gradients.finish();
    }
    Ok(())
}

fn rdrop(case: &Case, inputs: &Inputs) -> Result<Loss> {
    let sight = |logits| {
        let logits = Some(inputs.tensor(logits)?);
        Ok::<_, twindrop::Error>(ViewOutput { logits, ..ViewOutput::default() })
    };
    let labels = &case.inputs["labels"];
    let classes = Tensor::from_vec(labels.whole(), labels.shape.clone(), &Device::Cpu)?;
    let (first, second) = (sight("logits_1")?, Some(sight("logits_2")?));
    let twins = BatchOutput { first, second, targets: Targets::Classes(classes) };
    RDrop { alpha: case.number("weight"), ..RDrop::default() }.loss(&twins, 0.)
}

#[test]
fn rdrop_is_half_of_each_cross_entropy_and_alpha_halves_of_each_divergence() -> Result<()> {
    assert_loss_and_gradients(
        "rdrop",
        |case, inputs| Ok(rdrop(case, inputs)?.total),
        Rounding::of_logits,
    )
}

#[test]
fn the_terms_of_rdrop_are_reported_before_their_weight() -> Result<()> {
    let Golden { cases } = fixture::open("rdrop");
    let mut group = Group::new("rdrop, F64, terms");
    for case in &cases {
        let half = |a: &str, b: &str| {
            let term = |name| case.intermediate[name].as_f64().expect("a number");
            f64::midpoint(term(a), term(b))
        };
        let expected = [("ce", half("ce_1", "ce_2")), ("kl", half("kl_1_2", "kl_2_1"))];
        let terms = rdrop(case, &Inputs::new(case, DType::F64)?)?.terms;
        assert_eq!(terms.len(), expected.len());
        for ((name, term), (expected_name, expected)) in terms.into_iter().zip(expected) {
            assert_eq!(name, expected_name);
            let bound = Bound { tolerance: 1e-9, floor: case.tallest() * f64::EPSILON };
            let what = format!("{} {name}", case.name);
            group.check(&what, &[term.to_scalar()?], &[expected], bound);
        }
    }
    group.finish();
    Ok(())
}

#[test]
fn simcse_contrasts_two_sights_and_hard_negatives() -> Result<()> {
    assert_loss_and_gradients(
        "simcse",
        |case, inputs| {
            let temperature = case.number("temperature");
            let weighed = case.params.contains_key("hard_negative_weight");
            let weight = if weighed { case.number("hard_negative_weight") } else { 0. };
            let simcse = SimCse { temperature, hard_negative_weight: weight };
            let twins = match case.inputs.contains_key("z3") {
                true => once(inputs.columns(&["z1", "z2", "z3"])?),
                false => inputs.twice()?,
            };
            Ok(simcse.loss(&twins, 0.)?.total)
        },
        |case| Rounding::of_contrast(case, case.number("temperature")),
    )
}

#[test]
fn nt_xent_is_the_mean_over_the_rows_of_both_views() -> Result<()> {
    assert_loss_and_gradients(
        "ntxent",
        |case, inputs| {
            let temperature = case.number("temperature");
            let consert = ConSert { temperature, ..ConSert::default() };
            Ok(consert.loss(&inputs.twice()?, 0.)?.total)
        },
        |case| Rounding::of_contrast(case, case.number("temperature")),
    )
}

#[test]
fn cosine_mse_is_the_mean_square_of_cosine_less_score() -> Result<()> {
    assert_loss_and_gradients(
        "cosine_mse",
        |_, inputs| Ok(CosineMse.loss(&inputs.scored()?, 0.)?.total),
        Rounding::of_squares,
    )
}

#[test]
fn simcse_at_one_over_scale_ranks_several_negatives() -> Result<()> {
    assert_loss_and_gradients(
        "mnrl_hard_negatives",
        |case, inputs| {
            let temperature = 1. / case.number("scale");
            let simcse = SimCse { temperature, ..SimCse::default() };
            Ok(simcse.loss(&inputs.contrasted()?, 0.)?.total)
        },
        |case| Rounding::of_contrast(case, 1. / case.number("scale")),
    )
}

/// Ranking there, or there and back.
fn ranking(topic: &str, symmetric: bool) -> Result<()> {
    assert_loss_and_gradients(
        topic,
        |case, inputs| {
            let mnrl = Mnrl { scale: case.number("scale"), symmetric };
            Ok(mnrl.loss(&inputs.contrasted()?, 0.)?.total)
        },
        |case| Rounding::of_contrast(case, 1. / case.number("scale")),
    )
}

#[test]
fn an_anchor_is_ranked_against_all_positives_and_negatives() -> Result<()> {
    ranking("mnrl_hard_negatives", false)
}

#[test]
fn the_symmetric_ranking_counts_negatives_one_way_only() -> Result<()> {
    ranking("mnrl_symmetric", true)
}

#[test]
fn cosent_counts_the_pairs_whose_cosines_are_out_of_order() -> Result<()> {
    assert_loss_and_gradients(
        "cosent",
        |case, inputs| {
            Ok(CoSent { scale: case.number("scale") }.loss(&inputs.scored()?, 0.)?.total)
        },
        Rounding::of_order,
    )
}

#[test]
fn angle_is_cosent_of_angles_in_the_complex_plane() -> Result<()> {
    assert_loss_and_gradients(
        "angle",
        |case, inputs| {
            Ok(Angle { scale: case.number("scale") }.loss(&inputs.scored()?, 0.)?.total)
        },
        Rounding::of_order,
    )
}

#[test]
fn matryoshka_weighs_the_loss_of_every_width() -> Result<()> {
    assert_loss_and_gradients(
        "matryoshka",
        |case, inputs| {
            let mnrl = Mnrl { scale: case.number("scale"), symmetric: false };
            let dims: Vec<_> = case.numbers("dims").iter().map(|&d| d as usize).collect();
            let matryoshka = Matryoshka::new(Box::new(mnrl), &dims, &case.numbers("weights"))?;
            Ok(matryoshka.loss(&inputs.contrasted()?, 0.)?.total)
        },
        |case| Rounding::of_contrast(case, 1. / case.number("scale")),
    )
}
