//! Gradients are differences: every number is moved a little, four times.

use super::{classes, embedding_view, line, logits_view, once, twice, value};
use candle_core::{Device, Tensor, Var};
use twindrop::objective::{
    Angle, CoSent, ConSert, Contrast, Contrastive, CosineMse, Distance, Distillation,
    Divergence, Kl, Matryoshka, Mlm, Mnrl, Objective, OnlineContrastive, RDrop, RDropTarget,
    Reduction, Regression, SimCse, Softmax, Sum, Triplet, ViewSide,
};
use twindrop::outputs::{BatchOutput, MaskedTokens, Targets, ViewOutput};
use twindrop::random::RngKey;

/// Numbers of −1..1 that are a function of `seed`.
fn random(seed: u64, shape: (usize, usize)) -> Tensor {
    let key = RngKey::new(seed);
    let number = |at: usize| f64::from(key.bits(at as u32)) / f64::from(u32::MAX) * 2. - 1.;
    let numbers: Vec<f64> = (0..shape.0 * shape.1).map(number).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu).expect("as many numbers")
}

const STEP: f64 = 1e-4;

/// `(8(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h)))/12h` for every number x of `inputs[nth]`.
fn differences(inputs: &[Tensor], nth: usize, f: &dyn Fn(&[Tensor]) -> f64) -> Vec<f64> {
    let flat: Vec<f64> = inputs[nth].flatten_all().unwrap().to_vec1().unwrap();
    let moved = |at: usize, by: f64| {
        let mut flat = flat.clone();
        flat[at] += by;
        let mut inputs = inputs.to_vec();
        inputs[nth] = Tensor::from_vec(flat, inputs[nth].shape(), &Device::Cpu).unwrap();
        f(&inputs)
    };
    let slope = |at| {
        let near = moved(at, STEP) - moved(at, -STEP);
        let far = moved(at, 2. * STEP) - moved(at, -2. * STEP);
        (8. * near - far) / (12. * STEP)
    };
    (0..flat.len()).map(slope).collect()
}

/// The gradient of each input; nothing where it is cut.
fn gradients(
    objective: &dyn Objective,
    inputs: &[Tensor],
    build: &dyn Fn(&[Tensor]) -> BatchOutput,
) -> Vec<Option<Vec<f64>>> {
    let variables: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tensors: Vec<Tensor> = variables.iter().map(|x| x.as_tensor().clone()).collect();
    let loss = objective.loss(&build(&tensors), 0.).unwrap().total;
    let store = loss.backward().unwrap();
    let flat = |x: &Tensor| x.flatten_all().unwrap().to_vec1().unwrap();
    tensors.iter().map(|x| store.get(x).map(flat)).collect()
}

/// The gradient of each input is what differences say, and is somewhere not zero.
#[track_caller]
fn assert_slopes(
    objective: &dyn Objective,
    shapes: &[(usize, usize)],
    build: &dyn Fn(&[Tensor]) -> BatchOutput,
) {
    let name = objective.name();
    for seed in 0..3 {
        let inputs: Vec<_> =
            shapes.iter().zip(0..).map(|(&s, n)| random(10 * seed + n, s)).collect();
        let gradients = gradients(objective, &inputs, build);
        for (nth, found) in gradients.into_iter().enumerate() {
            let found = found.unwrap_or_else(|| panic!("{name}: input {nth} is cut"));
            let expected =
                differences(&inputs, nth, &|inputs| value(objective, &build(inputs)));
            let most = expected.iter().fold(0f64, |most, x| most.max(x.abs()));
            assert!(most > 1e-6, "{name}: input {nth} moves nothing, seed {seed}");
            for (found, expected) in found.iter().zip(&expected) {
                let off = (found - expected).abs();
                assert!(
                    off < 1e-7 * most.max(1.),
                    "{name}, {nth}: {found}, expected {expected}"
                );
            }
        }
    }
}

const TEXT: (usize, usize) = (4, 6);
const LOGITS: (usize, usize) = (4, 3);

fn scores() -> Targets {
    Targets::Scores(line([0.9, 0.1, 0.4, 0.4]))
}

/// Two columns of texts, embedding_view once and scored.
fn scored(inputs: &[Tensor]) -> BatchOutput {
    once(embedding_view(inputs), scores())
}

fn unlabelled(inputs: &[Tensor]) -> BatchOutput {
    once(embedding_view(inputs), Targets::None)
}

/// The first half of the inputs embedding_view first, the second half second.
fn seen_twice(inputs: &[Tensor], labels: Targets) -> BatchOutput {
    let (first, second) = inputs.split_at(inputs.len() / 2);
    twice(embedding_view(first), embedding_view(second), labels)
}

fn said_twice(inputs: &[Tensor], labels: Targets) -> BatchOutput {
    twice(logits_view(&inputs[0]), logits_view(&inputs[1]), labels)
}

const REDUCTIONS: [Reduction; 5] =
    [Reduction::Article, Reduction::Readme, Reduction::Glue, Reduction::Roberta, Reduction::Su];

#[test]
fn of_rdrop_over_everything_as_every_source_reduces_it() {
    for reduction in REDUCTIONS {
        let over_classes = reduction.rdrop(RDropTarget::Classes);
        assert_slopes(&over_classes, &[LOGITS; 2], &|x| said_twice(x, classes([0, 2, 1, 1])));
        let over_numbers = reduction.rdrop(RDropTarget::Predictions);
        assert_slopes(&over_numbers, &[(4, 1); 2], &|x| said_twice(x, scores()));
        let over_scores = reduction.rdrop(RDropTarget::Scores);
        assert_slopes(&over_scores, &[TEXT; 4], &|x| seen_twice(x, scores()));
        let over_batch = reduction.rdrop(RDropTarget::Batch { temperature: 0.2 });
        assert_slopes(&over_batch, &[TEXT; 4], &|x| seen_twice(x, Targets::None));
    }
}

#[test]
fn of_agreement_smoothed_labels_and_jensen_shannon() {
    let divergence = Divergence::JensenShannon;
    for divergence in [Divergence::Symmetric, divergence] {
        assert_slopes(&Kl { divergence }, &[LOGITS; 2], &|x| said_twice(x, Targets::None));
    }
    let rdrop = RDrop { divergence, label_smoothing: 0.2, ..RDrop::default() };
    assert_slopes(&rdrop, &[LOGITS; 2], &|x| said_twice(x, classes([0, 2, 1, 1])));
    let over = RDropTarget::Batch { temperature: 0.2 };
    assert_slopes(&RDrop { target: over, ..rdrop }, &[TEXT; 2], &|x| {
        seen_twice(x, Targets::None)
    });
    let softmax = Softmax { label_smoothing: 0.2 };
    assert_slopes(&softmax, &[LOGITS; 2], &|x| said_twice(x, classes([0, 2, 1, 1])));
    assert_slopes(&Softmax::default(), &[LOGITS], &|x| {
        once(logits_view(&x[0]), classes([0, 2, 1, 1]))
    });
}

#[test]
fn of_consert_and_its_variants() {
    let contrasts = [Contrast::NtXent, Contrast::Cosine];
    for (contrast, centre) in contrasts.into_iter().flat_map(|c| [(c, 0.), (c, 0.7)]) {
        let consert = ConSert { temperature: 0.2, contrast, centre, stop_gradient: None };
        assert_slopes(&consert, &[TEXT; 2], &|x| seen_twice(x, Targets::None));
        assert_slopes(&consert, &[TEXT; 4], &|x| seen_twice(x, Targets::None));
    }
}

#[test]
fn of_a_view_that_is_stopped_there_is_none_and_the_other_keeps_its_own() {
    let build = |x: &[Tensor]| seen_twice(x, Targets::None);
    let inputs = [random(1, TEXT), random(2, TEXT)];
    for (side, still, moving) in [(ViewSide::First, 0, 1), (ViewSide::Second, 1, 0)] {
        let consert = ConSert { stop_gradient: Some(side), ..ConSert::default() };
        let found = gradients(&consert, &inputs, &build);
        assert!(found[still].as_ref().is_none_or(|g| g.iter().all(|x| *x == 0.)), "{side:?}");
        let free = gradients(&ConSert::default(), &inputs, &build);
        assert_eq!(found[moving], free[moving], "{side:?}");
    }
    // the centre still draws the first view
    let centred =
        ConSert { stop_gradient: Some(ViewSide::First), centre: 1., ..ConSert::default() };
    assert!(gradients(&centred, &inputs, &build)[0].is_some());
}

#[test]
fn of_what_ranks_and_contrasts_texts() {
    for symmetric in [false, true] {
        let mnrl = Mnrl { scale: 5., symmetric };
        assert_slopes(&mnrl, &[TEXT; 2], &unlabelled);
        assert_slopes(&mnrl, &[TEXT; 4], &unlabelled);
        assert_slopes(&mnrl, &[TEXT; 4], &|x| seen_twice(x, Targets::None));
    }
    let simcse = SimCse { temperature: 0.2, hard_negative_weight: 0.5 };
    assert_slopes(&simcse, &[TEXT; 4], &unlabelled);
    for (distance, margin) in [(Distance::Euclidean, 0.4), (Distance::Cosine, 0.3)] {
        let triplet = Triplet { distance, margin };
        assert_slopes(&triplet, &[TEXT; 3], &unlabelled);
        assert_slopes(&triplet, &[TEXT; 4], &unlabelled);
    }
    for margin in [0.9, 1.4] {
        let binary =
            |x: &[Tensor]| once(embedding_view(x), Targets::Scores(line([1., 0., 0., 1.])));
        assert_slopes(&Contrastive { margin }, &[TEXT; 2], &binary);
        assert_slopes(&Contrastive { margin }, &[TEXT; 2], &scored);
        assert_slopes(&OnlineContrastive { margin }, &[TEXT; 2], &binary);
    }
}

#[test]
fn of_what_follows_scores_teachers_and_tokens() {
    assert_slopes(&CoSent { scale: 5. }, &[TEXT; 2], &scored);
    assert_slopes(&Angle { scale: 2. }, &[TEXT; 2], &scored);
    assert_slopes(&CosineMse, &[TEXT; 2], &scored);
    assert_slopes(&Regression, &[(4, 1)], &|x| once(logits_view(&x[0]), scores()));
    let teacher = || Targets::Vectors(vec![random(90, TEXT), random(91, TEXT)]);
    assert_slopes(&Distillation, &[TEXT; 2], &|x| once(embedding_view(x), teacher()));
    let targets = Tensor::new(&[4u32, 0, 2], &Device::Cpu).unwrap();
    let masked = |logits: &Tensor| {
        let masked = MaskedTokens { logits: logits.clone(), targets: targets.clone() };
        once(ViewOutput { masked: Some(masked), ..ViewOutput::default() }, Targets::None)
    };
    assert_slopes(&Mlm, &[(3, 5)], &|x| masked(&x[0]));
}

#[test]
fn of_several_objectives_and_several_widths() {
    let widths =
        Matryoshka::new(Box::new(Mnrl { scale: 5., symmetric: true }), &[6, 3], &[1., 0.3]);
    assert_slopes(&widths.unwrap(), &[TEXT; 3], &unlabelled);
    let widths = Matryoshka::new(
        Box::new(ConSert { temperature: 0.2, ..ConSert::default() }),
        &[6, 2],
        &[],
    );
    assert_slopes(&widths.unwrap(), &[TEXT; 4], &|x| seen_twice(x, Targets::None));
    let paper: Vec<(f64, Box<dyn Objective>)> = vec![
        (1., Box::new(Angle { scale: 2. })),
        (0.5, Box::new(CoSent { scale: 5. })),
        (0.3, Box::new(SimCse { temperature: 0.2, ..SimCse::default() })),
    ];
    assert_slopes(&Sum(paper), &[TEXT; 4], &|x| seen_twice(x, scores()));
}

#[test]
fn of_equal_and_of_zero_vectors_are_finite() {
    let zero = Tensor::zeros(TEXT, candle_core::DType::F64, &Device::Cpu).unwrap();
    let some = random(5, TEXT);
    let anchored: [Box<dyn Objective>; 4] = [
        Box::new(Triplet::default()),
        Box::new(Triplet { distance: Distance::Cosine, margin: 1. }),
        Box::new(Mnrl::default()),
        Box::new(SimCse::default()),
    ];
    for inputs in [[&some, &some, &zero], [&zero, &zero, &zero]] {
        let inputs = inputs.map(Tensor::clone);
        for objective in &anchored {
            let gradients = gradients(&**objective, &inputs, &unlabelled);
            let numbers = gradients.into_iter().flatten().flatten();
            assert!(numbers.into_iter().all(f64::is_finite), "{}", objective.name());
        }
        for objective in [&CoSent::default() as &dyn Objective, &Angle::default()] {
            let gradients = gradients(objective, &inputs[1..], &scored);
            let numbers = gradients.into_iter().flatten().flatten();
            assert!(numbers.into_iter().all(f64::is_finite), "{}", objective.name());
        }
    }
}
