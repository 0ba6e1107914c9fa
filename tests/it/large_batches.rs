//! A large batch seen in small parts has the gradient of the whole, and adversaries move what
//! they should.

use candle_core::{Device, Tensor};
use twindrop::Result;
use twindrop::heads::ClassifierConfig;
use twindrop::model::{Batch, ForwardOptions};
use twindrop::nn::{Backend, Gradients, Probe, fast_gradient};
use twindrop::objective::{ConSert, Objective, RDrop, RDropTarget, SimCse};
use twindrop::outputs::Targets;
use twindrop::random::RngKey;
use twindrop::sentence_encoder::SentenceEncoder;
use twindrop::tokens::Tokens;
use twindrop::view::{View, ViewSample};

use crate::support::tiny;

const TEXTS: [&str; 11] = [
    "a cat sleeps on the mat",
    "two dogs run",
    "the rain falls all day long on the old roof",
    "she reads a book",
    "a cat sleeps on the mat",
    "he paints a house",
    "it is raining",
    "a dog barks at the man who reads a book on the mat",
    "two",
    "the old man sleeps all day",
    "a house on the hill",
];

fn encoder(backend: Backend) -> SentenceEncoder {
    let encoder = tiny(TEXTS, 3);
    encoder.with_heads(|model| Ok(model.with_backend(backend))).unwrap()
}

fn batch(encoder: &SentenceEncoder, columns: usize) -> Batch {
    let texts = &TEXTS[..TEXTS.len() / columns * columns];
    let sequences = encoder.tokenizer().encode(texts).unwrap();
    let tokens = Tokens::pack(&sequences, (0..texts.len() as u64).collect());
    Batch { tokens, texts_per_example: columns, targets: Targets::None }
}

fn passes(views: [&str; 2], count: usize) -> Vec<ViewSample> {
    let views = views.iter().zip(0..count as u64);
    views
        .map(|(view, n)| view.parse::<View>().unwrap().sample(RngKey::new(5).fold_in(2), n))
        .collect()
}

/// Loss and all gradients, end to end.
fn gradients(
    encoder: &SentenceEncoder,
    objective: &dyn Objective,
    batch: &Batch,
    views: [&str; 2],
    mini_batch: Option<usize>,
) -> Result<(f64, Vec<f32>)> {
    let model = encoder.model();
    let passes =
        passes(views, objective.requirements().passes.count(batch.texts_per_example, false));
    let ask = ForwardOptions { mini_batch, ..ForwardOptions::default() };
    let (twins, trace) = model.forward(batch, &passes, &ask)?;
    let loss = objective.loss(&twins, 0.)?;
    let mut gradients = Gradients::new(model.parameters());
    model.backward(&loss.total, trace, &mut gradients)?;
    let all = model.parameters().iter().filter_map(|p| gradients.get(p));
    Ok((loss.total.to_scalar()?, all.flat_map(|g| g.to_dense()).collect()))
}

/// The largest difference, in units of the largest number.
fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(0f32, |most, x| most.max(x.abs()));
    a.iter().zip(b).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / scale
}

#[test]
fn a_batch_in_parts_has_the_gradient_of_the_whole() {
    let views = ["feature-cutoff=0.2", "shuffle+token-cutoff=0.2+dropout=0.3"];
    let objectives: [(Box<dyn Objective>, usize); 4] = [
        (Box::new(SimCse::default()), 1),
        (Box::new(SimCse::default()), 2),
        (Box::new(ConSert::default()), 1),
        (
            Box::new(RDrop {
                target: RDropTarget::Batch { temperature: 0.05 },
                ..RDrop::default()
            }),
            1,
        ),
    ];
    for backend in [Backend::Fused, Backend::Composed] {
        let encoder = encoder(backend);
        for (objective, columns) in &objectives {
            let batch = batch(&encoder, *columns);
            let (loss, whole) = gradients(&encoder, &**objective, &batch, views, None).unwrap();
            // 1: each alone; 4: an odd rest; 100: all at once
            for size in [1, 2, 4, 7, 100] {
                let parts = gradients(&encoder, &**objective, &batch, views, Some(size));
                let (in_parts, parts) = parts.unwrap();
                let name = objective.name();
                assert!((loss - in_parts).abs() < 1e-6, "{name} by {size}: {in_parts} {loss}");
                let apart = apart(&parts, &whole);
                assert!(apart <= 1e-5, "{name}, {backend:?}, by {size}: {apart:e} apart");
            }
        }
    }
}

#[test]
fn any_split_from_sixteen_sentences_on_gives_the_same_bits() {
    let encoder = encoder(Backend::Fused);
    let texts: Vec<&str> = TEXTS.into_iter().cycle().take(70).collect();
    let sequences = encoder.tokenizer().encode(&texts).unwrap();
    let tokens = Tokens::pack(&sequences, (0..70).collect());
    let batch = Batch { tokens, texts_per_example: 1, targets: Targets::None };
    let views = ["feature-cutoff=0.2", "shuffle+dropout=0.3"];
    let by = |size| gradients(&encoder, &SimCse::default(), &batch, views, Some(size)).unwrap();
    let (loss, gradient) = by(16);
    for size in [17, 32, 50, 70, 1000] {
        let (other, parts) = by(size);
        assert_eq!(loss.to_bits(), other.to_bits(), "{size}");
        assert!(gradient == parts, "{size}: {:e} apart", apart(&parts, &gradient));
    }
    assert!(gradient != by(7).1, "parts of 7 would show that the cut matters");
}

#[test]
fn heads_see_the_whole_of_a_batch_in_parts() {
    let put = |model: twindrop::model::Model| {
        let model = model.with_dense("out=32,activation=gelu".parse()?, 1)?;
        model.with_projection("hidden=24,out=16,norm=batch,activation=relu".parse()?, 1)
    };
    let encoder = encoder(Backend::Fused).with_heads(put).unwrap();
    let (batch, views) = (batch(&encoder, 1), ["none", "none"]);
    let objective = SimCse::default();
    let (loss, whole) = gradients(&encoder, &objective, &batch, views, None).unwrap();
    let (in_parts, parts) = gradients(&encoder, &objective, &batch, views, Some(3)).unwrap();
    assert!((loss - in_parts).abs() < 1e-6, "{loss} {in_parts}");
    let apart = apart(&parts, &whole);
    assert!(apart <= 1e-5, "{apart:e} apart");
}

#[test]
fn an_adversary_moves_each_token_by_epsilon_along_the_gradient() {
    for backend in [Backend::Fused, Backend::Composed] {
        let encoder = encoder(backend)
            .with_heads(|m| m.with_classifier(ClassifierConfig::default(), 3, 2, 1))
            .unwrap();
        let mut batch = batch(&encoder, 2);
        batch.targets =
            Targets::Classes(Tensor::new(&[0u32, 2, 1, 1, 0], &Device::Cpu).unwrap());
        let objective = RDrop { alpha: 0., ..RDrop::default() };
        let model = encoder.model();
        let ask = ForwardOptions { logits: true, ..ForwardOptions::default() };
        let loss_of = |looks: &[ViewSample]| {
            let (twins, trace) = model.forward(&batch, looks, &ask).unwrap();
            (objective.loss(&twins, 0.).unwrap().total, trace)
        };
        let pass = &passes(["dropout=off", "dropout=off"], 2)[0];
        let probe = Probe::default();
        let (loss, trace) = loss_of(&[pass.clone().with_probe(&probe), pass.clone()]);
        let mut gradients = Gradients::new(model.parameters());
        model.backward(&loss, trace, &mut gradients).unwrap();
        let width = model.encoder().width();
        let slope = probe.take();
        assert_eq!(slope.len(), batch.tokens.ids.len() * width, "{backend:?}");
        let shift = fast_gradient(slope.clone(), width, 0.05);
        for row in shift.chunks_exact(width) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!((length - 0.05).abs() < 1e-6 || length == 0.);
        }
        // the loss rises by what the slope promises, to first order
        let promised: f32 = slope.iter().zip(&shift).map(|(g, s)| g * s).sum();
        let moved = |shift: Vec<f32>| {
            let (loss, _) = loss_of(&[pass.clone().with_shift(shift), pass.clone()]);
            loss.to_scalar::<f64>().unwrap()
        };
        let small: Vec<f32> = shift.iter().map(|x| x / 20.).collect();
        let risen = moved(small) - loss.to_scalar::<f64>().unwrap();
        let promised = f64::from(promised) / 20.;
        assert!(
            risen > 0. && (risen / promised - 1.).abs() < 0.05,
            "{backend:?}: risen {risen:e}, promised {promised:e}"
        );
    }
}
