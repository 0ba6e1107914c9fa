//! Three examples of three numbers each, worked out on paper.

use super::{classes, embedding_view, line, logits_view, once, rows, twice, value};
use candle_core::{Device, Tensor};
use twindrop::Result;
use twindrop::objective::{
    ConSert, Contrast, Contrastive, CosineMse, Distance, Distillation, Divergence, Kl,
    Matryoshka, Mlm, Mnrl, Objective, OnlineContrastive, RDrop, RDropTarget, Reduction,
    Regression, SimCse, Softmax, Sum, Triplet, ViewSide,
};
use twindrop::outputs::{BatchOutput, MaskedTokens, Targets, ViewOutput};

#[track_caller]
fn assert_is(objective: &dyn Objective, outputs: &BatchOutput, expected: f64) {
    let found = value(objective, outputs);
    let name = objective.name();
    assert!((found - expected).abs() < 1e-12, "{name}: {found}, expected {expected}");
}

/// Logits whose softmax is ½ for a class of its own in each row, and ¼ for the two others.
fn sure() -> Tensor {
    let (half, quarter) = (0.5f64.ln(), 0.25f64.ln());
    rows([[half, quarter, quarter], [quarter, half, quarter], [quarter, quarter, half]])
}

/// Logits whose softmax is ⅓ everywhere.
fn unsure() -> Tensor {
    rows([[7.; 3]; 3])
}

/// Two passes, one sure of the class it should be, the other unsure.
fn classified() -> BatchOutput {
    twice(logits_view(&sure()), logits_view(&unsure()), classes([0, 1, 2]))
}

/// `½(CE + CE)` of [`classified`]: CE(p) = −ln ½, CE(q) = −ln ⅓, so ½·ln 6.
fn task() -> f64 {
    6f64.ln() / 2.
}

/// `½(KL(p‖q) + KL(q‖p))` of [`classified`]:
/// KL(p‖q) = ½·ln(½·3) + 2·¼·ln(¼·3) = ½·ln(3/2 · 3/4) = ½·ln(9/8),
/// KL(q‖p) = ⅓·ln(⅓·2) + 2·⅓·ln(⅓·4) = ⅓·ln(2/3 · 16/9) = ⅓·ln(32/27).
fn agreement() -> f64 {
    ((9f64 / 8.).ln() / 2. + (32f64 / 27.).ln() / 3.) / 2.
}

#[test]
fn rdrop_adds_up_as_each_of_its_sources_does() {
    let (t, a, outputs) = (task(), agreement(), classified());
    let published = |reduction: Reduction| reduction.rdrop(RDropTarget::Classes);
    assert_is(&published(Reduction::Article), &outputs, t + 0.5 * a);
    assert_is(&published(Reduction::Readme), &outputs, t + 0.5 * (3. * a)); // the KL of 3 summed
    assert_is(&published(Reduction::Glue), &outputs, 2. * t + 0.5 * (3. * a));
    assert_is(&published(Reduction::Roberta), &outputs, 2. * t + 1. * a);
    assert_is(&published(Reduction::Su), &outputs, t + 4. * (2. * a) / 4.); // KL₁ + KL₂ = 2a
    assert_is(
        &RDrop { alpha: 3., ..published(Reduction::Readme) },
        &outputs,
        t + 3. * (3. * a),
    );
    assert_is(
        &RDrop { alpha: 3., ..published(Reduction::Su) },
        &outputs,
        t + 3. * (2. * a) / 4.,
    );
}

/// Numbers of two passes, s = 1, 0, ½ and t = ½, ½, ½ against y = 1, 1, 0:
/// MSE(s,y) = (0 + 1 + ¼)/3 = 5/12, MSE(t,y) = (¼ + ¼ + ¼)/3 = 1/4,
/// MSE(s,t) = (¼ + ¼ + 0)/3 = 1/6; ½(5/12 + 1/4) = 1/3.
const SQUARES: [(Reduction, f64); 5] = [
    (Reduction::Article, 1. / 3. + 0.5 / 6.),
    (Reduction::Readme, 1. / 3. + 0.5 / 6.), // squares are means there
    (Reduction::Glue, 5. / 12. + 1. / 4. + 1. / 6.), // MSE₁ + MSE₂ + 1·MSE
    (Reduction::Roberta, 5. / 12. + 1. / 6.), // only the first pass meets y
    (Reduction::Su, 1. / 3. + 4. / 2. / 6.),
];

fn scores() -> Targets {
    Targets::Scores(line([1., 1., 0.]))
}

/// Pairs of cosines 1, 0 and ½ (60°), and of lengths that do not matter.
fn pairs() -> [Tensor; 2] {
    let u = rows([[1., 0., 0.], [2., 0., 0.], [1., 0., 0.]]);
    let v = rows([[3., 0., 0.], [0., 1., 0.], [1., 3f64.sqrt(), 0.]]);
    [u, v]
}

/// Pairs of cosine ½.
fn half_alike() -> [Tensor; 2] {
    [rows([[1., 0., 0.]; 3]), rows([[1., 0., 3f64.sqrt()]; 3])]
}

#[test]
fn rdrop_over_cosines_and_over_predictions_squares_as_each_source_does() {
    let column = |numbers: [f64; 3]| rows(numbers.map(|number| [number]));
    let heads =
        twice(logits_view(&column([1., 0., 0.5])), logits_view(&column([0.5; 3])), scores());
    let cosines = twice(embedding_view(&pairs()), embedding_view(&half_alike()), scores());
    for (reduction, expected) in SQUARES {
        assert_is(&reduction.rdrop(RDropTarget::Predictions), &heads, expected);
        assert_is(&reduction.rdrop(RDropTarget::Scores), &cosines, expected);
    }
    assert_is(&Regression, &once(heads.first.clone(), scores()), 5. / 12.);
    assert_is(&Regression, &heads, 1. / 3.); // the mean of both passes
    assert_is(&CosineMse, &cosines, 1. / 3.);
}

/// Jensen–Shannon of [`classified`], m = ½(½ + ⅓) = 5/12 for the own class, ½(¼ + ⅓) = 7/24:
/// KL(p‖m) = ½·ln(½·12/5) + ½·ln(¼·24/7) = ½·ln(6/5 · 6/7) = ½·ln(36/35),
/// KL(q‖m) = ⅓·ln(⅓·12/5) + ⅔·ln(⅓·24/7) = ⅓·ln(4/5 · 64/49) = ⅓·ln(256/245).
fn jensen_shannon() -> f64 {
    ((36f64 / 35.).ln() / 2. + (256f64 / 245.).ln() / 3.) / 2.
}

#[test]
fn agreement_alone_needs_no_labels() {
    let outputs = BatchOutput { targets: Targets::None, ..classified() };
    assert_is(&Kl::default(), &outputs, agreement());
    let divergence = Divergence::JensenShannon;
    assert_is(&Kl { divergence }, &outputs, jensen_shannon());
    let rdrop = RDrop { divergence, ..RDrop::default() };
    assert_is(&rdrop, &classified(), task() + 0.5 * jensen_shannon());
}

#[test]
fn jensen_shannon_of_logits_that_exclude_each_other_is_ln_2() {
    // p is all of the first class, q all of the second: KL(p‖½(p + q)) = ln 2, though log p and
    // log q of the other class are −5000
    let apart = [[5e3, 0., 0.], [0., 5e3, 0.]].map(|row| logits_view(&rows([row; 3])));
    let [first, second] = apart;
    let kl = Kl { divergence: Divergence::JensenShannon };
    assert_is(&kl, &twice(first, second, Targets::None), 2f64.ln());
}

#[test]
fn labels_are_smoothed_as_pytorch_does() {
    let outputs = once(logits_view(&sure()), classes([0, 1, 2]));
    assert_is(&Softmax::default(), &outputs, 2f64.ln());
    // 0.7·ln 2 + 0.3·(ln 2 + 2·ln 4)/3 = (0.7 + 0.3·5/3)·ln 2 = 1.2·ln 2
    assert_is(&Softmax { label_smoothing: 0.3 }, &outputs, 1.2 * 2f64.ln());
    // the unsure pass has ln 3 whatever the label: ½(1.2·ln 2 + ln 3)
    let rdrop = RDrop { alpha: 0., label_smoothing: 0.3, ..RDrop::default() };
    assert_is(&rdrop, &classified(), (1.2 * 2f64.ln() + 3f64.ln()) / 2.);
    assert_is(&Softmax { label_smoothing: 0.3 }, &classified(), value(&rdrop, &classified()));
}

#[test]
fn consert_without_negatives_is_one_less_the_mean_cosine_and_the_centre_is_the_mean() {
    let [u, v] = pairs();
    let outputs = BatchOutput::of(u, v);
    let consert = ConSert { contrast: Contrast::Cosine, ..ConSert::default() };
    assert_is(&consert, &outputs, 0.5); // cosines 1, 0, ½
    // u = (1,0,0), (2,0,0), (1,0,0) about 4/3: (1/9 + 4/9 + 1/9)/3 = 2/9
    let centred = ConSert { centre: 0.3, ..consert };
    assert_is(&centred, &outputs, 0.5 + 0.3 * 2. / 9.);
    let terms = centred.loss(&outputs, 0.).unwrap().terms;
    assert_eq!(terms.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["cosine", "centre"]);
    for side in [ViewSide::First, ViewSide::Second] {
        let still = ConSert { stop_gradient: Some(side), ..ConSert::default() };
        assert_is(&still, &outputs, value(&ConSert::default(), &outputs));
    }
}

#[test]
fn triplets_are_hinges_over_distances() {
    let zero = rows([[0.; 3]; 3]);
    let p = rows([[3., 4., 0.], [1., 0., 0.], [0., 0., 9.]]); // 5, 1, 9 away
    let n = rows([[0., 0., 2.], [0., 10., 0.], [9., 0., 0.]]); // 2, 10, 9 away
    let outputs = once(embedding_view(&[zero, p, n]), Targets::None);
    // 5 − 2 + 5 = 8, 1 − 10 + 5 < 0, 9 − 9 + 5 = 5
    assert_is(&Triplet::default(), &outputs, 13. / 3.);
    let [a, p] = pairs(); // 1 − cos: 0, 1, ½
    let n = rows([[1., 3f64.sqrt(), 0.], [1., 0., 0.], [0., 0., 1.]]); // ½, 0, 1
    let outputs = once(embedding_view(&[a, p, n]), Targets::None);
    // 0 − ½ + ¾ = ¼, 1 − 0 + ¾ = 7/4, ½ − 1 + ¾ = ¼
    let triplet = Triplet { distance: Distance::Cosine, margin: 0.75 };
    assert_is(&triplet, &outputs, (0.25 + 1.75 + 0.25) / 3.);
}

#[test]
fn pairs_that_belong_together_attract_and_others_repel_up_to_a_margin() {
    let pairs = |labels| once(embedding_view(&pairs()), Targets::Scores(line(labels))); // d = 0, 1, ½
    // y = 0, 1, 0 and margin ¾: ½((¾ − 0)² + 1² + (¾ − ½)²)/3 = ½(9/16 + 1 + 1/16)/3
    let contrastive = Contrastive { margin: 0.75 };
    assert_is(&contrastive, &pairs([0., 1., 0.]), 26. / 16. / 6.);
    // all hard: the positive at 1 is farther than the nearest negative, which both are nearer
    let online = OnlineContrastive { margin: 0.75 };
    assert_is(&online, &pairs([0., 1., 0.]), 26. / 16. / 3.);
    // y = 1, 0, 0: the positive at 0 is nearer than any negative, none is hard
    assert_is(&online, &pairs([1., 0., 0.]), 0.);
    // y = 1, 1, 0: of d = 0 and 1 only 1 is beyond the negative's ½; it is nearer than 1
    assert_is(&online, &pairs([1., 1., 0.]), (1. + 1. / 16.) / 3.);
    // d = 0, 1, 0.4 (3-4-5), their mean 1.4/3 = 0.467; all positive: only 1 is farther
    let [u, _] = self::pairs();
    let v = rows([[3., 0., 0.], [0., 1., 0.], [3., 4., 0.]]);
    let alike = |label| {
        once(embedding_view(&[u.clone(), v.clone()]), Targets::Scores(line([label; 3])))
    };
    assert_is(&online, &alike(1.), 1. / 3.);
    // all negative: 0 and 0.4 are nearer, ¾² + 0.35²
    assert_is(&online, &alike(0.), (0.5625 + 0.1225) / 3.);
    // neither 0 nor 1 is no pair at all
    assert_is(&online, &alike(0.5), 0.);
}

/// Anchors along the axes, as many positives: cos(u₁,V) = 1, 0, 1; cos(u₂,V) = 0, 1, 0;
/// cos(u₃,V) = 1, 0, 1.
fn ranked() -> [Tensor; 2] {
    let u = rows([[1., 0., 0.], [0., 1., 0.], [1., 0., 0.]]);
    let v = rows([[2., 0., 0.], [0., 2., 0.], [2., 0., 0.]]);
    [u, v]
}

#[test]
fn ranking_tells_the_positive_from_all_other_texts_but_anchors() {
    let two = 2f64.ln();
    let ranking = |symmetric| Mnrl { scale: two, symmetric }; // e^λ = 2
    let [u, v] = ranked();
    // rows (2,1,2), (1,2,1), (2,1,2) over their sums 5, 4, 5: ln(5/2), ln 2, ln(5/2)
    let forward = (2. * 2.5f64.ln() + two) / 3.;
    let outputs = once(embedding_view(&[u.clone(), v.clone()]), Targets::None);
    assert_is(&ranking(false), &outputs, forward);
    assert_is(&ranking(true), &outputs, forward); // the table is symmetric
    // three negatives at right angles to all add 3·e⁰ to each row, and nothing to columns
    let w = rows([[0., 0., 1.]; 3]);
    let outputs = once(embedding_view(&[u, v, w]), Targets::None);
    let wider = (2. * 4f64.ln() + 3.5f64.ln()) / 3.;
    assert_is(&ranking(false), &outputs, wider);
    assert_is(&ranking(true), &outputs, f64::midpoint(wider, forward));
    let simcse = SimCse { temperature: 1. / two, ..SimCse::default() };
    assert_is(&simcse, &outputs, wider);
    // its own hard negative weighs 4, as e^(ln 4): rows 5 + 2 + 4, 4 + 2 + 4, 5 + 2 + 4
    let simcse = SimCse { hard_negative_weight: 4f64.ln(), ..simcse };
    assert_is(&simcse, &outputs, (2. * (11f64 / 2.).ln() + 5f64.ln()) / 3.);
}

#[test]
fn a_teacher_is_followed_in_every_column_and_pass() {
    let (one, zero) = (rows([[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]]), rows([[0.; 3]; 3]));
    let teacher = |columns| Targets::Vectors(columns);
    let outputs = once(embedding_view(std::slice::from_ref(&one)), teacher(vec![zero.clone()]));
    assert_is(&Distillation, &outputs, 1. / 3.); // 3 of 9 numbers are 1 off
    let columns = [one.clone(), zero.clone()];
    let both = twice(
        embedding_view(&columns),
        embedding_view(&columns),
        teacher(vec![zero.clone(); 2]),
    );
    assert_is(&Distillation, &both, 1. / 6.); // the second column is right
    let narrow = zero.narrow(1, 0, 2).unwrap();
    let wrong = once(embedding_view(std::slice::from_ref(&one)), teacher(vec![narrow]));
    let error = Distillation.loss(&wrong, 0.).unwrap_err().to_string();
    assert!(error.contains("3 dimensions") && error.contains('2'), "{error}");
    let short = once(embedding_view(&columns), teacher(vec![zero]));
    assert!(Distillation.loss(&short, 0.).is_err());
}

#[test]
fn masked_tokens_are_guessed_and_no_mask_costs_nothing() -> Result<()> {
    let masked = |logits: Tensor, targets: &[u32]| -> Result<ViewOutput> {
        let targets = Tensor::new(targets, &Device::Cpu)?;
        Ok(ViewOutput {
            masked: Some(MaskedTokens { logits, targets }),
            ..ViewOutput::default()
        })
    };
    let outputs = once(masked(sure(), &[0, 1, 0])?, Targets::None);
    assert_is(&Mlm, &outputs, 4. * 2f64.ln() / 3.); // ln 2, ln 2, ln 4
    let single = sure().to_dtype(candle_core::DType::F32)?;
    let found = value(&Mlm, &once(masked(single, &[0, 1, 0])?, Targets::None));
    assert!((found - 4. * 2f64.ln() / 3.).abs() < 1e-6, "a loss is f64, {found}");
    let none = masked(sure().narrow(0, 0, 0)?, &[])?;
    assert_is(&Mlm, &twice(none, outputs.first, Targets::None), 2. * 2f64.ln() / 3.);
    Ok(())
}

#[test]
fn matryoshka_adds_the_widths_of_what_sees_embeddings_alone() -> Result<()> {
    let outputs = once(embedding_view(&pairs()), scores());
    // cosines at width 3: 1, 0, ½; at width 1 the second pair has v = 0 and cosine 0, the third
    // is along the axis: 1, 0, 1, so MSE = (0 + 1 + 1)/3
    let nested =
        |dims: &[usize], weights: &[f64]| Matryoshka::new(Box::new(CosineMse), dims, weights);
    assert_is(&nested(&[3, 1], &[1., 0.5])?, &outputs, 5. / 12. + 0.5 * 2. / 3.);
    assert_is(&nested(&[3, 1], &[])?, &outputs, 5. / 12. + 2. / 3.);
    assert!(
        nested(&[4], &[])?
            .loss(&outputs, 0.)
            .unwrap_err()
            .to_string()
            .contains("embeddings have 3")
    );
    for (dims, weights) in
        [(&[][..], &[][..]), (&[0], &[]), (&[2], &[1., 1.]), (&[2], &[f64::NAN])]
    {
        assert!(nested(dims, weights).is_err(), "{dims:?} {weights:?}");
    }
    let blind: [Box<dyn Objective>; 4] = [
        Box::new(Softmax::default()),
        Box::new(Sum(vec![(1., Box::new(CosineMse)), (1., Box::new(Regression))])),
        Box::new(Mlm),
        Box::new(Distillation),
    ];
    for objective in blind {
        let name = objective.name().into_owned();
        let Err(error) = Matryoshka::new(objective, &[2], &[]) else {
            panic!("{name} was cut")
        };
        assert!(error.to_string().contains("more than embeddings"), "{error}");
    }
    Ok(())
}

#[test]
fn what_the_batch_lacks_is_said_not_guessed() {
    let alone = once(embedding_view(&[rows([[1.; 3]; 3])]), Targets::None);
    let cases: [(Box<dyn Objective>, &str); 7] = [
        (Box::new(Triplet::default()), "two texts"),
        (Box::new(Mnrl::default()), "two texts"),
        (Box::new(Kl::default()), "second forward pass"),
        (Box::new(Softmax::default()), "head"),
        (Box::new(Regression), "head"),
        (Box::new(Mlm), "masked tokens"),
        (Box::new(Distillation), "teacher"),
    ];
    for (objective, lacking) in cases {
        let error = objective.loss(&alone, 0.).unwrap_err().to_string();
        assert!(error.contains(lacking), "{}: {error}", objective.name());
    }
    let pairs = once(embedding_view(&pairs()), Targets::None);
    assert!(
        Triplet::default().loss(&pairs, 0.).unwrap_err().to_string().contains("three texts")
    );
    let wide = once(logits_view(&sure()), scores());
    assert!(Regression.loss(&wide, 0.).unwrap_err().to_string().contains("one output"));
}
