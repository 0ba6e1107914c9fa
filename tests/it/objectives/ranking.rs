//! Losses of cross-encoders are what torch computes (`fixtures/ranking_losses.py`), and so are their
//! gradients.

use candle_core::{Device, Tensor, Var};
use serde::Deserialize;
use std::collections::BTreeMap;
use twindrop::objective::{
    BinaryCrossEntropy, Listwise, Objective, RDrop, Softmax, WithAgreement,
};
use twindrop::outputs::{BatchOutput, Lists, Targets, ViewOutput};

use crate::support::fixture;

#[derive(Deserialize)]
struct Fixture {
    temperature: f64,
    batches: Vec<ScoredBatch>,
}

#[derive(Deserialize)]
struct ScoredBatch {
    scores: Vec<f64>,
    targets: Vec<f64>,
    lists: Vec<u32>,
    losses: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Expected {
    value: f64,
    gradient: Vec<f64>,
}

fn fixtures() -> Fixture {
    let text = std::fs::read_to_string(fixture("ranking_losses.json")).expect("the fixture");
    serde_json::from_str(&text).expect("losses")
}

fn view(scores: &Tensor) -> ViewOutput {
    ViewOutput { logits: Some(scores.unsqueeze(1).unwrap()), ..ViewOutput::default() }
}

impl ScoredBatch {
    fn lists(&self) -> Vec<Vec<u32>> {
        let mut lists: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (place, &list) in (0..).zip(&self.lists) {
            lists.entry(list).or_default().push(place);
        }
        lists.into_values().filter(|list| list.len() > 1).collect()
    }

    /// The value of a loss, and its gradient with respect to the scores.
    fn loss(&self, name: &str, objective: &dyn Objective) -> (f64, Vec<f64>) {
        let scores = Var::new(&self.scores[..], &Device::Cpu).unwrap();
        let targets = match name {
            "bce" => {
                let shares: Vec<f64> = self.targets.iter().map(|t| t / 3.).collect();
                Targets::Scores(Tensor::new(shares, &Device::Cpu).unwrap())
            }
            _ => Targets::Lists(Lists { targets: self.targets.clone(), lists: self.lists() }),
        };
        let outputs = BatchOutput { first: view(&scores), second: None, targets };
        let loss = objective.loss(&outputs, 0.).unwrap().total;
        let store = loss.backward().unwrap();
        let gradient = store.get(&scores).expect("a gradient").to_vec1().unwrap();
        (loss.to_scalar().unwrap(), gradient)
    }
}

#[test]
fn losses_of_lists_and_their_gradients_are_those_of_torch() {
    let fixtures = fixtures();
    assert!(fixtures.batches.len() >= 45, "nearly all batches have lists to rank");
    let temperature = fixtures.temperature;
    let objectives: [(&str, Box<dyn Objective>); 6] = [
        ("bce", Box::new(BinaryCrossEntropy)),
        ("margin_mse", Box::new(Listwise::MarginMse)),
        ("ranknet", Box::new(Listwise::RankNet)),
        ("listnet", Box::new(Listwise::ListNet)),
        ("lambda_rank", Box::new(Listwise::Lambda)),
        ("distill_kl", Box::new(Listwise::Distill { temperature })),
    ];
    for batch in &fixtures.batches {
        for (name, objective) in &objectives {
            let (value, gradient) = batch.loss(name, &**objective);
            let expected = &batch.losses[*name];
            let scale = expected.value.abs().max(1.);
            assert!((value - expected.value).abs() < 1e-12 * scale, "{name}: {value}");
            for (found, expected) in gradient.iter().zip(&expected.gradient) {
                assert!(
                    (found - expected).abs() < 1e-12 * scale,
                    "{name}: {found}, {expected}"
                );
            }
        }
    }
}

/// `½(L(s) + L(t)) + α·mean (s − t)²`, by hand.
#[test]
fn agreement_is_added_to_the_mean_of_both_passes() {
    let fixtures = fixtures();
    let batch = &fixtures.batches[0];
    let moved: Vec<f64> = batch.scores.iter().map(|s| s * 0.5 - 0.1).collect();
    let [s, t] = [&batch.scores, &moved].map(|s| Tensor::new(&s[..], &Device::Cpu).unwrap());
    let lists =
        || Targets::Lists(Lists { targets: batch.targets.clone(), lists: batch.lists() });
    let once = |s: &Tensor| {
        let outputs = BatchOutput { first: view(s), second: None, targets: lists() };
        let loss = Listwise::RankNet.loss(&outputs, 0.).unwrap().total;
        loss.to_scalar::<f64>().unwrap()
    };
    let objective = WithAgreement { objective: Box::new(Listwise::RankNet), alpha: 0.7 };
    let outputs = BatchOutput { first: view(&s), second: Some(view(&t)), targets: lists() };
    let found: f64 = objective.loss(&outputs, 0.).unwrap().total.to_scalar().unwrap();
    let squares = batch.scores.iter().zip(&moved).map(|(s, t)| (s - t).powi(2));
    let agreement = squares.sum::<f64>() / moved.len() as f64;
    let expected = (once(&s) + once(&t)) / 2. + 0.7 * agreement;
    assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
}

#[test]
fn a_batch_without_lists_has_no_loss_and_a_gradient_of_zero() {
    let batch = ScoredBatch {
        scores: vec![1., 2., 3.],
        targets: vec![0., 1., 2.],
        lists: vec![0, 1, 2],
        losses: BTreeMap::new(),
    };
    for objective in [
        Listwise::MarginMse,
        Listwise::RankNet,
        Listwise::ListNet,
        Listwise::Lambda,
        Listwise::Distill { temperature: 1. },
    ] {
        assert_eq!(batch.loss("", &objective), (0., vec![0.; 3]), "{objective:?}");
    }
}

/// torch.nn.functional.cross_entropy(x, y, weight=w, label_smoothing=ε), torch 2.15, float64.
#[test]
fn weighted_cross_entropy_and_its_gradient_are_those_of_torch() {
    let rows: [[f64; 3]; 3] = [[1., 0., -1.], [0.5, 2., 0.], [0., 0., 1.]];
    let targets = Targets::WeightedClasses {
        classes: Tensor::new(&[0u32, 2, 1], &Device::Cpu).unwrap(),
        weights: Tensor::new(&[0.5f64, 2., 3.], &Device::Cpu).unwrap(),
    };
    for (label_smoothing, value, first, last) in [
        (0., 1.8592290085043148, -0.03043264038410711, 0.20949704900575605),
        (0.1, 1.8200317752195239, -0.008244980850172048, 0.18956942208222324),
    ] {
        let logits = Var::new(&rows, &Device::Cpu).unwrap();
        let view =
            ViewOutput { logits: Some(logits.as_tensor().clone()), ..ViewOutput::default() };
        let outputs = BatchOutput { first: view, second: None, targets: targets.clone() };
        let loss = Softmax { label_smoothing }.loss(&outputs, 0.).unwrap().total;
        assert!((loss.to_scalar::<f64>().unwrap() - value).abs() < 1e-12);
        let store = loss.backward().unwrap();
        let gradient = store.get(&logits).unwrap().flatten_all().unwrap();
        let gradient: Vec<f64> = gradient.to_vec1().unwrap();
        assert!((gradient[0] - first).abs() < 1e-12 && (gradient[8] - last).abs() < 1e-12);
        // R-Drop of two equal passes has the same loss, without a divergence
        let twice = BatchOutput { second: Some(outputs.first.clone()), ..outputs };
        let rdrop =
            RDrop { label_smoothing, ..RDrop::default() }.loss(&twice, 0.).unwrap().total;
        assert!((rdrop.to_scalar::<f64>().unwrap() - value).abs() < 1e-12);
    }
}
