//! Ids to hidden states, hidden states to embeddings.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use serde::Deserialize;
use twindrop::Result;
use twindrop::nn::{Backend, Gradients, Packing, ParamSpec, Parameters, Tape, Workspace};
use twindrop::pooling::Pooling;
use twindrop::sentence_encoder::SentenceEncoder;
use twindrop::tokens::{Sequence, Tokenizer, Tokens};
use twindrop::view::ViewSample;

use super::fixture::{self, Array, BACKENDS, Mask};
use super::measure::{Bound, Group};

/// f32 against f64, relative to the largest number of a tensor.
const SINGLE: f64 = 1e-5;

#[derive(Deserialize)]
struct Forward {
    model: String,
    cases: Vec<ForwardCase>,
}

#[derive(Deserialize)]
struct ForwardCase {
    name: String,
    texts: Vec<Text>,
    input_ids: Array,
    attention_mask: Mask,
    token_type_ids: Array,
    position_ids: Array,
    /// (layers + 1, N, T, D).
    hidden_states: Array,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    One(String),
    Two(String, String),
}

impl Text {
    fn encode(&self, tokenizer: &Tokenizer) -> Result<Sequence> {
        let mut sequences = match self {
            Self::One(text) => tokenizer.encode(&[text]),
            Self::Two(first, second) => tokenizer.encode_pairs(&[(first, second)]),
        }?;
        Ok(sequences.remove(0))
    }
}

impl ForwardCase {
    fn tokens(&self, tokenizer: &Tokenizer) -> Result<Tokens> {
        let (name, mask) = (&self.name, &self.attention_mask);
        let sequences = self.texts.iter().map(|text| text.encode(tokenizer));
        let samples = (0..self.texts.len() as u64).collect();
        let tokens = Tokens::pack(&sequences.collect::<Result<Vec<_>>>()?, samples);
        assert_eq!(tokens.ids, mask.pack(&self.input_ids).whole(), "{name}: ids");
        assert_eq!(tokens.types, mask.pack(&self.token_type_ids).whole(), "{name}: types");
        assert_eq!(tokens.packing, mask.packing(), "{name}: where sentences begin");
        Ok(tokens)
    }

    /// Plain where positions are counted, else with those of the case.
    fn pass(&self, packing: &Packing) -> ViewSample {
        let positions = self.attention_mask.pack(&self.position_ids).whole();
        let counted = ViewSample::plain().positions(packing) == positions;
        if counted {
            ViewSample::plain()
        } else {
            ViewSample::plain().with_positions(positions)
        }
    }
}

#[test]
fn every_hidden_state_is_that_of_transformers() -> Result<()> {
    let Forward { model, cases } = fixture::open("forward");
    let loaded = SentenceEncoder::from_directory(fixture::model(&model))?;
    let (encoder, tokenizer) = (loaded.model().encoder(), loaded.tokenizer());
    let whole = tokenizer.clone().with_max_len(encoder.max_positions());
    let layers: Vec<usize> = (0..=encoder.layers()).collect();
    for (backend, dtype, tolerance) in fixture::ways() {
        let mut group = Group::new(format!("forward, {backend:?}, {dtype:?}"));
        for case in &cases {
            let tokens = case.tokens(&whole)?;
            let tape = Tape::inference(backend, &Workspace::default());
            let mut tape = tape.with_dtype(dtype);
            let pass = case.pass(&tokens.packing);
            let states = encoder.forward(&mut tape, &tokens, &pass, &layers)?;
            assert_eq!(states.len(), case.hidden_states.shape[0]);
            for (layer, state) in states.iter().enumerate() {
                let reference = case.attention_mask.pack(&case.hidden_states.at(layer));
                let what = format!("{} state {layer}", case.name);
                let bound = Bound::relative(tolerance);
                group.check_single(&what, &state.to_vec()?, &reference.data, bound);
            }
        }
        group.finish();
    }
    Ok(())
}

#[derive(Deserialize)]
struct PoolingGolden {
    cases: Vec<PoolingCase>,
}

#[derive(Deserialize)]
struct PoolingCase {
    name: String,
    /// (layers + 1, N, T, D).
    hidden_states: Array,
    attention_mask: Mask,
    pooled: BTreeMap<String, Array>,
    cotangent: Option<Array>,
    #[serde(default)]
    grad_of_sum_pooled_times_cotangent_wrt_hidden_states: BTreeMap<String, Array>,
}

impl PoolingCase {
    /// The packed (T, D) states that `pooling` reads, by layer.
    fn read(&self, pooling: Pooling) -> Vec<(usize, Array)> {
        let layers = pooling.reads(self.hidden_states.shape[0] - 1);
        let state = |layer| (layer, self.attention_mask.pack(&self.hidden_states.at(layer)));
        layers.into_iter().map(state).collect()
    }
}

/// What the fixture's name for a pooling is called here.
fn pooling(name: &str) -> Pooling {
    match name {
        "cls" => Pooling::Cls,
        "mean" => Pooling::Mean,
        "max" => Pooling::Max,
        "first_last_avg" => Pooling::EmbeddingLast,
        "layer1_last_avg" => Pooling::FirstLast,
        "last2_avg" => Pooling::LastTwo,
        "mean_sqrt_len" => Pooling::MeanSqrtLen,
        name => panic!("the fixture's pooling {name} has no name here"),
    }
}

#[test]
fn every_pooling_is_that_of_the_reference() -> Result<()> {
    let PoolingGolden { cases } = fixture::open("pooling");
    for backend in BACKENDS {
        let mut group = Group::new(format!("pooling, {backend:?}"));
        for case in &cases {
            for (name, reference) in &case.pooled {
                let mut tape = Tape::recording(backend, &Workspace::default());
                let constant = |(_, state): (usize, Array)| {
                    tape.constant((state.shape[0], state.shape[1]), &state.single())
                };
                let states = case.read(pooling(name)).into_iter().map(constant);
                let states = states.collect::<Result<Vec<_>>>()?;
                let packing = case.attention_mask.packing();
                let found = pooling(name).apply(&mut tape, &states, &packing)?;
                let what = format!("{} {name}", case.name);
                let bound = Bound::relative(SINGLE);
                group.check_single(&what, &found.to_vec()?, &reference.data, bound);
            }
        }
        group.finish();
    }
    Ok(())
}

#[test]
fn every_pooling_sends_back_the_gradient_of_the_reference() -> Result<()> {
    let PoolingGolden { cases } = fixture::open("pooling");
    for backend in BACKENDS {
        let mut group = Group::new(format!("gradients of pooling, {backend:?}"));
        for case in &cases {
            let Some(cotangent) = &case.cotangent else { continue };
            for (name, reference) in &case.grad_of_sum_pooled_times_cotangent_wrt_hidden_states
            {
                let packing = case.attention_mask.packing();
                let read = case.read(pooling(name));
                let found = gradients(backend, pooling(name), &read, &packing, cotangent)?;
                for (layer, state) in reference.each().enumerate() {
                    let state = case.attention_mask.pack(&state);
                    let what = format!("{} {name} state {layer}", case.name);
                    let unread = vec![0.; state.data.len()];
                    let found = found.get(&layer).unwrap_or(&unread);
                    group.check_single(&what, found, &state.data, Bound::relative(SINGLE));
                }
            }
        }
        group.finish();
    }
    Ok(())
}

/// The gradient of `Σ pooled·cotangent` with respect to each state read. A state is a table
/// whose rows are looked up in order, so that it has a gradient.
fn gradients(
    backend: Backend,
    pooling: Pooling,
    read: &[(usize, Array)],
    packing: &Arc<Packing>,
    cotangent: &Array,
) -> Result<BTreeMap<usize, Vec<f32>>> {
    let states: BTreeMap<String, &Array> =
        read.iter().map(|(layer, state)| (format!("{layer}"), state)).collect();
    let tensor =
        |array: &Array| Tensor::from_vec(array.single(), array.shape.clone(), &Device::Cpu);
    let spec = |(name, state): (&String, &&Array)| {
        ParamSpec::weight(name, [state.shape[0], state.shape[1]], 1.)
    };
    let specs = states.iter().map(spec).collect();
    let parameters =
        Parameters::build(specs, &Device::Cpu, |spec| Ok(states[&spec.name].single()))?;
    let mut tape = Tape::recording(backend, &Workspace::default());
    let values = read.iter().map(|(layer, state)| {
        let rows = (0..state.shape[0] as u32).collect();
        tape.embedding_sum(vec![(parameters.get(&layer.to_string())?, rows)])
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    let pooled = pooling.apply(&mut tape, &values, packing)?;
    let store = (tape.output(&pooled)? * tensor(cotangent)?)?.sum_all()?.backward()?;
    let mut gradients = Gradients::new(&parameters);
    gradients.absorb(&parameters, &store)?;
    tape.backward(&store, &mut gradients)?;
    let gradient = |(layer, _): &(usize, Array)| {
        let parameter = parameters.get(&layer.to_string())?;
        let gradient = gradients.get(&parameter).expect("a state that is read has a gradient");
        Ok((*layer, gradient.to_dense()))
    };
    read.iter().map(gradient).collect()
}
