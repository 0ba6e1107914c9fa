//! Texts to a loss, its gradients, and what an optimiser makes of them.

use std::collections::BTreeMap;

use candle_core::Device;
use serde::Deserialize;
use twindrop::Result;
use twindrop::encoder::Architecture;
use twindrop::model::{Batch, Model};
use twindrop::nn::{Backend, ComputeDtype, Gradients, Parameters};
use twindrop::objective::{Objective, SimCse};
use twindrop::outputs::{BatchOutput, Targets};
use twindrop::sentence_encoder::{EncodeOptions, SentenceEncoder};
use twindrop::tokens::Tokens;
use twindrop::train::{AdamW, AdamWConfig, Schedule, SchedulerType, clip_scale, global_norm};
use twindrop::view::ViewSample;

use super::fixture::{self, Array, BACKENDS, Mask};
use super::measure::{Bound, Group};

/// f32 against f64, relative to the largest number of a tensor.
const SINGLE: f64 = 1e-5;

#[derive(Deserialize)]
struct Inputs {
    anchor_texts: Vec<String>,
    positive_texts: Vec<String>,
    anchor_input_ids: Array,
    anchor_attention_mask: Mask,
    positive_input_ids: Array,
    positive_attention_mask: Mask,
}

#[derive(Deserialize)]
struct Params {
    temperature: f64,
}

impl Inputs {
    /// Unlabelled anchors with their positives.
    fn batch(&self, loaded: &SentenceEncoder) -> Result<Batch> {
        let texts: Vec<&str> =
            self.anchor_texts.iter().chain(&self.positive_texts).map(|text| &**text).collect();
        let sequences = loaded.tokenizer().encode(&texts)?;
        let tokens = Tokens::pack(&sequences, (0..texts.len() as u64).collect());
        let mut ids = self.anchor_attention_mask.pack(&self.anchor_input_ids).whole();
        ids.extend(self.positive_attention_mask.pack(&self.positive_input_ids).whole());
        assert_eq!(tokens.ids, ids, "ids");
        Ok(Batch { tokens, texts_per_example: 2, targets: Targets::None })
    }
}

/// The same model anew, its parameters its own.
fn anew(loaded: &SentenceEncoder, backend: Backend) -> Result<Model> {
    let config = loaded.model().encoder().config();
    let architecture = Architecture::parse("config.json".as_ref(), config)?;
    let parameters = Parameters::build(architecture.specs(), &Device::Cpu, |spec| {
        loaded.model().parameters().get(&spec.name)?.with(<[f32]>::to_vec)
    })?;
    let encoder = architecture.build(&parameters)?;
    Ok(Model::new(encoder, loaded.model().pooling(), parameters).with_backend(backend))
}

/// What a batch says and its loss; the gradients of all parameters are left in `gradients`.
fn seen(
    model: &Model,
    batch: &Batch,
    temperature: f64,
    gradients: &mut Gradients,
) -> Result<(BatchOutput, f64)> {
    gradients.clear();
    let (twins, trace) = model.forward_views(batch, &[ViewSample::plain()])?;
    let loss = SimCse { temperature, ..SimCse::default() }.loss(&twins, 0.)?.total;
    model.backward(&loss, trace, gradients)?;
    Ok((twins, loss.to_scalar()?))
}

#[derive(Deserialize)]
struct Slopes {
    model: String,
    params: Params,
    inputs: Inputs,
    anchor_embeddings: Array,
    positive_embeddings: Array,
    loss: f64,
    grad: BTreeMap<String, Array>,
    grad_l2_norm_all_encoder_parameters: f64,
}

#[test]
fn embeddings_through_encode_are_those_of_the_reference() -> Result<()> {
    let golden = fixture::open::<Slopes>("bert_gradients");
    let loaded = SentenceEncoder::from_directory(fixture::model(&golden.model))?;
    let mut group = Group::new("encode");
    for (texts, reference) in [
        (&golden.inputs.anchor_texts, &golden.anchor_embeddings),
        (&golden.inputs.positive_texts, &golden.positive_embeddings),
    ] {
        let found = loaded.encode(texts, &EncodeOptions::default())?;
        assert_eq!([found.rows(), found.width()], reference.shape[..]);
        let rows = (0..found.rows()).flat_map(|row| found.row(row)).copied();
        let (rows, bound): (Vec<f32>, _) = (rows.collect(), Bound::relative(SINGLE));
        group.check_single("embeddings", &rows, &reference.data, bound);
    }
    group.finish();
    Ok(())
}

#[test]
fn every_gradient_of_a_bert_is_that_of_the_reference() -> Result<()> {
    let golden = fixture::open::<Slopes>("bert_gradients");
    let loaded = SentenceEncoder::from_directory(fixture::model(&golden.model))?;
    let batch = golden.inputs.batch(&loaded)?;
    for (backend, dtype, tolerance) in fixture::ways() {
        if dtype == ComputeDtype::Int8 {
            continue;
        }
        let way = format!("bert, {backend:?}, {dtype:?}");
        let model = anew(&loaded, backend)?.with_dtype(dtype);
        let parameters = model.parameters();
        let mut gradients = Gradients::new(parameters);
        let (twins, loss) = seen(&model, &batch, golden.params.temperature, &mut gradients)?;
        let bound = Bound::relative(tolerance);

        let mut group = Group::new(format!("{way}, embeddings and loss"));
        let references = [&golden.anchor_embeddings, &golden.positive_embeddings];
        for (column, reference) in twins.first.columns.iter().zip(references) {
            let found = column.flatten_all()?.to_vec1()?;
            group.check("embeddings", &found, &reference.data, bound);
        }
        group.check("loss", &[loss], &[golden.loss], bound);
        group.finish();

        let mut group = Group::new(format!("{way}, gradients"));
        let norm = golden.grad_l2_norm_all_encoder_parameters;
        group.check("global norm", &[global_norm(&mut gradients)], &[norm], bound);
        for (name, reference) in &golden.grad {
            let parameter = parameters.get(name)?;
            assert_eq!(parameter.spec().shape, reference.shape, "{name}");
            let found =
                gradients.get(&parameter).unwrap_or_else(|| panic!("{name} has no gradient"));
            // the true gradient of what no loss sees is 0: ours is rounding
            let floor = if parameter.spec().unseen { tolerance * norm } else { 0. };
            let bound = Bound { floor, ..bound };
            group.check_single(name, &found.to_dense(), &reference.data, bound);
        }
        group.finish();
    }
    Ok(())
}

#[derive(Deserialize)]
struct Trace {
    model: String,
    params: Params,
    inputs: Inputs,
    cases: Vec<TraceCase>,
}

#[derive(Deserialize)]
struct TraceCase {
    name: String,
    optimizer: Optimizer,
    learning_rate: Vec<f64>,
    loss_before_step: Vec<f64>,
    gradient_norm_before_clip: Vec<f64>,
    final_parameters: BTreeMap<String, Array>,
}

#[derive(Deserialize)]
struct Optimizer {
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    clip_global_norm: Option<f64>,
    schedule: String,
}

impl Optimizer {
    fn adamw(&self) -> AdamWConfig {
        AdamWConfig {
            adam_beta1: self.beta1,
            adam_beta2: self.beta2,
            adam_epsilon: self.eps,
            weight_decay: self.weight_decay,
            ..AdamWConfig::default()
        }
    }

    /// The schedule that its prose describes, for rates up to `peak`.
    fn schedule(&self, peak: f64) -> Option<Schedule> {
        let words = self.schedule.split(|c: char| !c.is_ascii_digit());
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        let (kind, warmup, steps) = match numbers[..] {
            [] if self.schedule == "constant" => (SchedulerType::Constant, 0, 1),
            // "linear warm-up over 4 steps from 0 then linear decay to 0 at step 10; learning
            // rate used at step t (0-based) is listed"
            [warmup, 0, 0, steps, ..] if self.schedule.starts_with("linear warm-up over") => {
                (SchedulerType::Linear, warmup, steps)
            }
            _ => return None,
        };
        Some(Schedule::new(peak, kind, warmup as f64, steps).expect("a schedule"))
    }
}

#[test]
fn schedules_give_the_learning_rates_of_the_trace() -> Result<()> {
    let golden = fixture::open::<Trace>("training_trace");
    let mut group = Group::new("schedules");
    for TraceCase { name, optimizer, learning_rate: rates, .. } in &golden.cases {
        let peak = rates.iter().copied().fold(0., f64::max);
        let schedule = optimizer.schedule(peak);
        let schedule = schedule.unwrap_or_else(|| panic!("{name}: {}", optimizer.schedule));
        let found: Vec<f64> = (0..rates.len() as u64).map(|t| schedule.rate(t)).collect();
        group.check(name, &found, rates, Bound::relative(1e-12));
    }
    group.finish();
    Ok(())
}

#[test]
fn steps_of_adamw_leave_the_losses_norms_and_parameters_of_the_trace() -> Result<()> {
    let golden = fixture::open::<Trace>("training_trace");
    let loaded = SentenceEncoder::from_directory(fixture::model(&golden.model))?;
    let batch = golden.inputs.batch(&loaded)?;
    for backend in BACKENDS {
        for case in &golden.cases {
            let model = anew(&loaded, backend)?;
            train(&model, &batch, golden.params.temperature, case, backend)?;
        }
    }
    Ok(())
}

fn train(
    model: &Model,
    batch: &Batch,
    temperature: f64,
    case: &TraceCase,
    backend: Backend,
) -> Result<()> {
    let (parameters, optimizer) = (model.parameters(), &case.optimizer);
    let mut gradients = Gradients::new(parameters);
    let mut adamw = AdamW::new(parameters, optimizer.adamw());
    let group = |what| Group::new(format!("trace, {}, {backend:?}, {what}", case.name));
    let (mut losses, mut norms) = (group("losses"), group("norms"));
    // Adam divides by √v: the rounding of a small gradient weighs as much as that of a large
    // one, and eight steps add up (measured: 1.04e-5)
    let bound = Bound::relative(5. * SINGLE);
    for (step, &rate) in case.learning_rate.iter().enumerate() {
        let (_, loss) = seen(model, batch, temperature, &mut gradients)?;
        let norm = global_norm(&mut gradients);
        let what = format!("step {step}");
        losses.check(&what, &[loss], &case.loss_before_step[step..=step], bound);
        norms.check(&what, &[norm], &case.gradient_norm_before_clip[step..=step], bound);
        let scale = optimizer.clip_global_norm.map_or(1., |most| clip_scale(norm, most));
        adamw.step(parameters, &gradients, rate, scale)?;
    }
    losses.finish();
    norms.finish();
    let mut last = group("final parameters");
    for (name, reference) in &case.final_parameters {
        let parameter = parameters.get(name)?;
        let found = parameter.with(<[f32]>::to_vec)?;
        // where the true gradient is 0, Adam walks on rounding, a learning rate a step at most
        let walk = case.learning_rate.iter().sum();
        let floor = if parameter.spec().unseen { walk } else { 0. };
        last.check_single(name, &found, &reference.data, Bound { floor, ..bound });
    }
    last.finish();
    Ok(())
}
