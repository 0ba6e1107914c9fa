//! Everything that should learn learns, and the same run gives the same bits.

use candle_core::DType::F64;
use candle_core::{Device, Tensor};
use twindrop::Result;
use twindrop::data::{Dataset, ReadOptions, read, read_from};
use twindrop::model::Batch;
use twindrop::nn::{ComputeDtype, Gradients};
use twindrop::objective::{
    Angle, CoSent, ConSert, Contrast, Contrastive, CosineMse, Distillation, LabelKind,
    Matryoshka, Mnrl, Objective, OnlineContrastive, RDrop, RDropTarget, SimCse, Softmax, Sum,
};
use twindrop::outputs::Targets;
use twindrop::pooling::Pooling;
use twindrop::random::RngKey;
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::tokens::Tokens;
use twindrop::train::{
    DataConfig, Event, PhaseConfig, Run, RunConfig, StageConfig, assert_every_parameter_learns,
};
use twindrop::view::View;

use crate::support::{self, tiny};

const FIRST: [&str; 4] = ["a cat sleeps", "two dogs run", "the rain falls", "she reads a book"];
const SECOND: [&str; 4] = ["the cat naps", "a dog barks", "it is raining", "he paints a house"];

fn encoder() -> SentenceEncoder {
    tiny(FIRST.into_iter().chain(SECOND), 3).with_head(3, 2, 3).unwrap()
}

fn gradients(encoder: &SentenceEncoder, objective: &dyn Objective) -> Result<Gradients> {
    let texts: Vec<&str> = FIRST.into_iter().chain(SECOND).collect();
    let sequences = encoder.tokenizer().encode(&texts)?;
    let tokens = Tokens::pack(&sequences, (0..8).collect());
    let labels = match objective.requirements().labels {
        LabelKind::None => Targets::None,
        LabelKind::Scores => Targets::Scores(Tensor::new(&[0f64, 1., 0.8, 0.1], &Device::Cpu)?),
        LabelKind::Classes => Targets::Classes(Tensor::new(&[0u32, 2, 1, 1], &Device::Cpu)?),
        LabelKind::Lists => unreachable!("objectives over lists are tested by themselves"),
        LabelKind::TeacherEmbeddings => {
            Targets::Vectors(vec![Tensor::ones((4, 128), F64, &Device::Cpu)?; 2])
        }
    };
    let batch = Batch { tokens, texts_per_example: 2, targets: labels };
    let passes = [0, 1].map(|number| View::DROPOUT.sample(RngKey::new(1), number));
    let (twins, trace) = encoder.model().forward_views(&batch, &passes)?;
    let loss = objective.loss(&twins, 0.)?;
    let mut gradients = Gradients::new(encoder.model().parameters());
    encoder.model().backward(&loss.total, trace, &mut gradients)?;
    Ok(gradients)
}

fn objectives() -> Vec<Box<dyn Objective>> {
    let rdrop =
        |over| Box::new(RDrop { target: over, ..RDrop::default() }) as Box<dyn Objective>;
    let cosines = ConSert { contrast: Contrast::Cosine, ..ConSert::default() };
    let widths = Matryoshka::new(Box::new(Mnrl::default()), &[128, 64], &[]).unwrap();
    vec![
        rdrop(RDropTarget::Classes),
        rdrop(RDropTarget::Scores),
        rdrop(RDropTarget::Batch { temperature: 0.05 }),
        Box::new(ConSert::default()),
        Box::new(cosines),
        Box::new(SimCse::default()),
        Box::new(Mnrl { symmetric: true, ..Mnrl::default() }),
        Box::new(CosineMse),
        Box::new(CoSent::default()),
        Box::new(Angle::default()),
        Box::new(Contrastive { margin: 1.5 }),
        Box::new(OnlineContrastive { margin: 1.5 }),
        Box::new(Softmax { label_smoothing: 0.1 }),
        Box::new(Distillation),
        Box::new(widths),
        Box::new(Sum(vec![
            (1., rdrop(RDropTarget::Scores)),
            (0.15, Box::new(ConSert::default())),
        ])),
    ]
}

#[test]
fn every_parameter_learns() {
    let dtypes = [ComputeDtype::F32, ComputeDtype::Bf16];
    for (dtype, objective) in
        dtypes.into_iter().flat_map(|d| objectives().into_iter().map(move |o| (d, o)))
    {
        let encoder = encoder().with_dtype(dtype);
        let gradients = gradients(&encoder, &*objective).unwrap();
        assert_every_parameter_learns(encoder.model().parameters(), &gradients, &*objective)
            .unwrap_or_else(|error| panic!("{}, {dtype:?}: {error}", objective.name()));
    }
}

#[test]
fn every_parameter_learns_under_every_pooling() {
    for pooling in Pooling::all() {
        let encoder = encoder().with_pooling(pooling);
        let objective = SimCse::default();
        let gradients = gradients(&encoder, &objective).unwrap();
        assert_every_parameter_learns(encoder.model().parameters(), &gradients, &objective)
            .unwrap_or_else(|error| panic!("{pooling}: {error}"));
    }
}

/// An objective that looks at nothing: what a cut graph amounts to.
struct Blind;

impl Objective for Blind {
    fn loss(
        &self,
        outputs: &twindrop::outputs::BatchOutput,
        _progress: f64,
    ) -> Result<twindrop::objective::Loss> {
        let detached = outputs.first.columns[0].detach().sum_all()?;
        Ok(twindrop::objective::Loss::of("nothing", detached))
    }
    fn requirements(&self) -> twindrop::objective::Requirements {
        twindrop::objective::Requirements::default()
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        "blind".into()
    }
}

#[test]
fn a_cut_gradient_is_named() {
    let encoder = encoder();
    let parameters = encoder.model().parameters();
    let error = match gradients(&encoder, &Blind) {
        Ok(cut) => assert_every_parameter_learns(parameters, &cut, &Blind).unwrap_err(),
        Err(error) => error,
    };
    assert!(
        error.to_string().contains("embeddings.LayerNorm.bias cannot be trained"),
        "{error}"
    );
}

fn sample(name: &str) -> Dataset {
    read(&support::sample(name), &ReadOptions::default()).unwrap()
}

fn phase(objective: &str) -> PhaseConfig {
    PhaseConfig::of(objective, DataConfig::of("unread"))
}

/// The losses and the final weights of a short alternation on `threads` threads.
fn short_run(threads: usize, dtype: ComputeDtype) -> (Vec<f64>, Vec<Vec<f32>>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let sets = [sample("train.tsv"), sample("unlabelled.txt")];
        let texts = sets.iter().flat_map(Dataset::sentences);
        let encoder = tiny(texts, 5);
        let encoder = encoder.with_dtype(dtype);
        let config = RunConfig {
            learning_rate: 1e-3,
            gradient_accumulation_steps: 2,
            stage: vec![StageConfig {
                max_steps: Some(12),
                cycle: vec![phase("rdrop"), phase("simcse"), phase("consert")],
                ..StageConfig::default()
            }],
            ..RunConfig::default()
        };
        let sets = [sets[0].clone(), sets[1].clone(), sets[1].clone()];
        let run = Run::with_data(&config, encoder, &sets, None, None).unwrap();
        let mut losses = Vec::new();
        let mut listen = |event: &Event| {
            if let Event::Step(step) = event {
                losses.push(step.loss);
            }
            Ok(())
        };
        let (encoder, _) = run.run(&mut listen).unwrap();
        (losses, encoder.model().parameters().snapshot().unwrap())
    })
}

#[test]
fn one_thread_and_two_give_the_same_losses_and_weights() {
    for dtype in [ComputeDtype::F32, ComputeDtype::Bf16] {
        let (one, two) = (short_run(1, dtype), short_run(2, dtype));
        assert_eq!(one.0.len(), 12);
        assert_eq!(one.0, two.0);
        assert!(one.1 == two.1, "weights differ");
        assert_eq!(one.0, short_run(2, dtype).0, "a second run differs");
    }
}

#[test]
fn a_saved_model_gives_the_same_bits_when_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let texts = ["A plain sentence.", "Another one, longer than the first!", "x"];
    let options = EncodeOptions::default();
    for pooling in Pooling::all() {
        let saved = encoder().with_pooling(pooling);
        let path = dir.path().join(pooling.to_string());
        saved.save_pretrained(&path).unwrap();
        let loaded = SentenceEncoder::from_directory(&path).unwrap();
        assert_eq!(
            saved.encode(&texts, &options).unwrap(),
            loaded.encode(&texts, &options).unwrap()
        );
        assert_eq!(loaded.model().pooling(), pooling);
    }
}

#[test]
fn a_vocabulary_is_learnt_the_same_every_time() {
    let learn = || {
        let set = sample("unlabelled.txt");
        let encoder = tiny(set.sentences(), 1);
        encoder.tokenizer().to_json().unwrap()
    };
    assert_eq!(learn(), learn());
}

#[test]
fn a_run_whose_steps_all_have_no_loss_says_so() {
    let set = read_from("one\ntwo\n".as_bytes(), "two.txt".as_ref(), &ReadOptions::default())
        .unwrap();
    let encoder = tiny(set.sentences(), 1);
    let config = RunConfig {
        stage: vec![StageConfig { cycle: vec![phase("0*simcse")], ..StageConfig::default() }],
        ..RunConfig::default()
    };
    // of no weight: the loss is zero whatever the model says
    let run = Run::with_data(&config, encoder, &[set], None, None).unwrap();
    let mut warnings = Vec::new();
    run.run(&mut |event| {
        if let Event::Warning { message, .. } = event {
            warnings.push(message.clone());
        }
        Ok(())
    })
    .unwrap();
    assert!(warnings[0].contains("is exactly 0 on this batch"), "{warnings:?}");
    assert!(warnings[1].contains("was exactly 0 in each of its"), "{warnings:?}");
}
