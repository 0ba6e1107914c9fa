//! The task of a phase: its objectives together, and the views each expects.

use super::TrainingTask;
use super::config::PhaseConfig;
use super::objective_options::PhaseInputs;
use super::objective_registry::ObjectiveRegistry;
use super::objective_term::{NumberRange, ObjectiveTerm};
use super::{objective_build, objective_names};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::objective::{LabelKind, Objective, Ramp, Sum};
use crate::view::{Augmentation, View};

type WeightedTerms = Vec<(f64, Box<dyn Objective>)>;

/// The task of a phase over `dataset`, which decides what a plain `rdrop` is over: scores,
/// classes, or the sentences of the batch.
pub(super) fn training_task(
    config: &PhaseConfig,
    dataset: &Dataset,
    registry: &ObjectiveRegistry,
) -> Result<TrainingTask> {
    config.temperature.map(|t| NumberRange::Positive.check("temperature", t)).transpose()?;
    config.alpha.map(|alpha| NumberRange::NotNegative.check("alpha", alpha)).transpose()?;
    let phase = PhaseInputs { temperature: config.temperature, alpha: config.alpha, dataset };
    let parts =
        config.objective.split('+').map(ObjectiveTerm::parse).collect::<Result<Vec<_>>>()?;
    let objectives = parts.iter().map(|part| {
        let inner = objective_build::objective(part, &phase, registry)?;
        Ok(match part.ends_at {
            Some(to) => (1., Box::new(Ramp { from: part.weight, to, inner }) as _),
            None => (part.weight, inner),
        })
    });
    let objectives = objectives.collect::<Result<WeightedTerms>>()?;
    if let Some(message) = contradiction(&objectives) {
        return Err(Error::config(format!("objective `{}`: {message}", config.objective)));
    }
    check_data(&objectives, dataset)?;
    let contrast_only = parts.iter().all(is_consert);
    let [first, second] =
        if contrast_only { published_consert() } else { [View::DROPOUT, View::DROPOUT] };
    let views = [config.view1.clone().unwrap_or(first), config.view2.clone().unwrap_or(second)];
    Ok(TrainingTask::new(combine(objectives), views))
}

fn combine(mut objectives: WeightedTerms) -> Box<dyn Objective> {
    match objectives[..] {
        [(1., _)] => objectives.remove(0).1,
        _ => Box::new(Sum(objectives)),
    }
}

fn is_consert(part: &ObjectiveTerm) -> bool {
    objective_names::listed(&part.name).is_some_and(|named| named.name == "consert")
}

/// Feature cutoff against shuffle, network dropout off: `unsup-consert-base`.
fn published_consert() -> [View; 2] {
    [Augmentation::FeatureCutoff(0.2), Augmentation::Shuffle]
        .map(|augment| View { augmentations: vec![augment], ..View::PLAIN })
}

/// Why no batch and no model could serve all of them, if so.
fn contradiction(objectives: &[(f64, Box<dyn Objective>)]) -> Option<String> {
    let parts = || objectives.iter().map(|(_, objective)| &**objective);
    let mut labels = parts()
        .map(|part| part.requirements().labels)
        .filter(|needs| *needs != LabelKind::None);
    let mut heads = parts().filter_map(|part| part.requirements().head);
    let (label, head) = (labels.next(), heads.next());
    if let Some(other) = labels.find(|other| Some(*other) != label) {
        let (one, other) = (called(label?), called(other));
        let message = "a dataset has one kind of labels";
        return Some(format!("one objective needs {one}, another {other}; {message}"));
    }
    if heads.any(|other| Some(other) != head) {
        let message = "a run has one head";
        return Some(format!(
            "one objective needs a classification head, another a regression head; {message}"
        ));
    }
    let ranked = parts().find(|part| anchored(*part))?;
    let label_name = label.filter(|label| *label != LabelKind::TeacherEmbeddings)?;
    let (name, label_name) = (ranked.name(), called(label_name));
    let message = "texts with labels are not anchor and positive";
    Some(format!("{name} needs examples of anchor and positive; {message}: {label_name}"))
}

/// Whether it takes the texts of an example for an anchor and its positive, come what may.
fn anchored(objective: &dyn Objective) -> bool {
    objective.requirements().labels == LabelKind::None
        && objective.requirements().texts_per_example > 1
}

fn called(needs: LabelKind) -> &'static str {
    match needs {
        LabelKind::None => "sentences",
        LabelKind::Scores => "scores",
        LabelKind::Lists => "lists of scored pairs",
        LabelKind::Classes => "classes",
        LabelKind::TeacherEmbeddings => "teacher embeddings",
    }
}

/// Refuses data that the objectives could not learn from.
fn check_data(objectives: &[(f64, Box<dyn Objective>)], dataset: &Dataset) -> Result<()> {
    let parts = || objectives.iter().map(|(_, objective)| &**objective);
    if parts().any(|part| part.requirements().labels == LabelKind::Classes)
        && dataset.classes.len() == 1
    {
        let message = format!("all examples have the class {:?}", dataset.classes[0]);
        return Err(Error::data(&dataset.path, message + ", expected at least two classes"));
    }
    let Some(ranked) = parts()
        .filter(|part| anchored(*part))
        .max_by_key(|part| part.requirements().texts_per_example)
    else {
        return Ok(());
    };
    let (name, needed, width) =
        (ranked.name(), ranked.requirements().texts_per_example, dataset.width());
    if width < needed {
        let message = format!("has {width} texts per example, but {name} needs {needed}");
        return Err(Error::data(&dataset.path, message));
    }
    if dataset.is_labelled() {
        let message = "texts with labels are not anchor and positive";
        let message =
            format!("{message}, which {name} needs: ignore the label (`_` in --columns)");
        return Err(Error::data(&dataset.path, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::config::DataConfig;
    use super::super::objective_names::objectives;
    use super::*;
    use crate::data::{ReadOptions, read_from};
    use crate::objective::{
        Angle, CoSent, ConSert, Contrast, Contrastive, Distance, Divergence, HeadKind, Kl,
        Matryoshka, Mnrl, OnlineContrastive, RDrop, RDropTarget, Reduction, SimCse, Softmax,
        Triplet, ViewSide,
    };
    use crate::outputs::{BatchOutput, Lists, MaskedTokens, Targets, ViewOutput};
    use candle_core::{Device, Tensor};

    const SCORED: &str = "sentence1\tsentence2\tscore\na\tb\t0.5\nc\td\t1\n";
    const CLASSIFIED: &str = "class\ttext\nyes\ta\nno\tb\n";
    const TRIPLETS: &str = "anchor\tpositive\tnegative\na\tb\tc\nd\te\tf\n";

    fn dataset(lines: &str) -> Dataset {
        read_from(lines.as_bytes(), "data.tsv".as_ref(), &ReadOptions::default()).unwrap()
    }

    fn phase(objective: &str) -> PhaseConfig {
        PhaseConfig::of(objective, DataConfig::of("data.tsv"))
    }

    fn of(objective: &str, lines: &str) -> Result<Box<dyn Objective>> {
        training_task(&phase(objective), &dataset(lines), &Default::default())
            .map(|task| task.objective)
    }

    /// Data that a name can learn from.
    fn lines(name: &str) -> &'static str {
        match name {
            "mnrl" | "triplet" | "simcse" | "kl" => TRIPLETS,
            "softmax" | "rdrop-classes" => CLASSIFIED,
            _ => SCORED,
        }
    }

    /// A loss of numbers that are all different.
    fn loss(objective: &dyn Objective) -> f64 {
        let cpu = Device::Cpu;
        let tensor = |by: f64, width: usize| {
            let number = |at: usize| ((at * at) as f64 + by).sin();
            Tensor::from_vec((0..4 * width).map(number).collect(), (4, width), &cpu).unwrap()
        };
        let targets = Tensor::new(&[0u32, 2, 1, 1], &cpu).unwrap();
        let view_output = |by| ViewOutput {
            columns: [by, by + 1., by + 2.].map(|by| tensor(by, 8)).to_vec(),
            logits: Some(match objective.requirements().head {
                Some(HeadKind::Regression) => tensor(by, 1),
                _ => tensor(by, 3),
            }),
            masked: Some(MaskedTokens { logits: tensor(by, 5), targets: targets.clone() }),
        };
        let labels = match objective.requirements().labels {
            LabelKind::None => Targets::None,
            LabelKind::Scores => {
                Targets::Scores(Tensor::new(&[0., 1., 0.5, 1.], &cpu).unwrap())
            }
            LabelKind::Lists => Targets::Lists(Lists {
                targets: vec![0., 1., 0.5, 1.],
                lists: vec![vec![0, 1, 2, 3]],
            }),
            LabelKind::Classes => Targets::Classes(targets.clone()),
            LabelKind::TeacherEmbeddings => Targets::Vectors(vec![tensor(9., 8); 3]),
        };
        let outputs = BatchOutput {
            first: view_output(0.1),
            second: Some(view_output(0.2)),
            targets: labels,
        };
        objective.loss(&outputs, 0.).unwrap().total.to_scalar().unwrap()
    }

    #[test]
    fn every_name_and_alias_has_an_objective_that_learns() {
        for named in objectives() {
            for name in named.aliases.iter().chain([&named.name]) {
                let objective = of(name, lines(named.name)).unwrap_or_else(|e| panic!("{e}"));
                assert!(loss(&*objective).is_finite(), "{name}");
            }
            assert!(!named.about.is_empty() && !named.about.contains('\n'), "{}", named.name);
        }
    }

    #[test]
    fn every_option_changes_the_loss() {
        let value = |option: &str| match option {
            "preset" => "=su",
            "js" | "symmetric" => "",
            "type" | "distance" => "=cosine",
            _ => "=0.3",
        };
        for named in objectives() {
            let lines = if named.name == "rdrop" { TRIPLETS } else { lines(named.name) };
            let plain = loss(&*of(named.name, lines).unwrap());
            let moves = |option: &&&str| **option != "stop-gradient"; // but the gradient alone
            for option in named.options.iter().filter(moves) {
                let text = format!("{}:{option}{}", named.name, value(option));
                let changed = loss(&*of(&text, lines).unwrap_or_else(|e| panic!("{e}")));
                assert!((changed - plain).abs() > 1e-9, "{text} is the plain {plain}");
            }
        }
    }

    #[test]
    fn what_is_typed_is_what_is_built() {
        let rdrop = |reduction: Reduction, over| Box::new(reduction.rdrop(over));
        let mnrl = Mnrl { scale: 10., symmetric: true };
        let cases: [(&str, &str, Box<dyn Objective>); 18] = [
            ("rdrop", SCORED, rdrop(Reduction::Article, RDropTarget::Scores)),
            ("rdrop", CLASSIFIED, rdrop(Reduction::Article, RDropTarget::Classes)),
            (
                "R-Drop : preset = glue",
                CLASSIFIED,
                rdrop(Reduction::Glue, RDropTarget::Classes),
            ),
            (
                "rdrop-regression:preset=glue",
                SCORED,
                rdrop(Reduction::Glue, RDropTarget::Predictions),
            ),
            (
                "rdrop:preset=su,alpha=1,js,label_smoothing=0.1",
                CLASSIFIED,
                Box::new(RDrop {
                    alpha: 1.,
                    divergence: Divergence::JensenShannon,
                    label_smoothing: 0.1,
                    ..Reduction::Su.rdrop(RDropTarget::Classes)
                }),
            ),
            (
                "rdrop:scale=4",
                TRIPLETS,
                rdrop(Reduction::Article, RDropTarget::Batch { temperature: 0.25 }),
            ),
            ("kl:js", TRIPLETS, Box::new(Kl { divergence: Divergence::JensenShannon })),
            ("kl:js=false", TRIPLETS, Box::new(Kl::default())),
            (
                "consert:type=cosine,stop-gradient=second,centre=0.5",
                SCORED,
                Box::new(ConSert {
                    contrast: Contrast::Cosine,
                    stop_gradient: Some(ViewSide::Second),
                    centre: 0.5,
                    ..ConSert::default()
                }),
            ),
            (
                "infonce:hard-negative-weight=-0.5,temperature=0.1",
                TRIPLETS,
                Box::new(SimCse { temperature: 0.1, hard_negative_weight: -0.5 }),
            ),
            ("multiple-negatives-ranking:symmetric,scale=10", TRIPLETS, Box::new(mnrl)),
            ("cosent:temperature=0.5", SCORED, Box::new(CoSent { scale: 2. })),
            ("angle:scale=2", SCORED, Box::new(Angle { scale: 2. })),
            (
                "softmax:label-smoothing=0.1",
                CLASSIFIED,
                Box::new(Softmax { label_smoothing: 0.1 }),
            ),
            (
                "triplet:distance=cosine,margin=0.2",
                TRIPLETS,
                Box::new(Triplet { distance: Distance::Cosine, margin: 0.2 }),
            ),
            ("contrastive:margin=0.9", SCORED, Box::new(Contrastive { margin: 0.9 })),
            ("online-contrastive:margin=0", SCORED, Box::new(OnlineContrastive { margin: 0. })),
            (
                "mnrl:symmetric,scale=10,dims=8/4,dim-weights=1/0.5",
                TRIPLETS,
                Box::new(Matryoshka::new(Box::new(mnrl), &[8, 4], &[1., 0.5]).unwrap()),
            ),
        ];
        for (text, lines, expected) in cases {
            let found = of(text, lines).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(found.name(), expected.name(), "{text}");
            assert!((loss(&*found) - loss(&*expected)).abs() < 1e-12, "{text}");
        }
    }

    #[test]
    fn parts_add_up_with_their_weights_and_read_one_head() {
        let found =
            of("softmax:label-smoothing=0.1 + 0.15*consert:temperature=0.2", CLASSIFIED);
        let found = found.unwrap();
        let consert = ConSert { temperature: 0.2, ..ConSert::default() };
        let sum = Sum(vec![
            (1., Box::new(Softmax { label_smoothing: 0.1 })),
            (0.15, Box::new(consert)),
        ]);
        assert!((loss(&*found) - loss(&sum)).abs() < 1e-12);
        assert_eq!(
            (found.requirements().labels, found.requirements().head),
            (LabelKind::Classes, Some(HeadKind::Classes))
        );
        let found = of("triplet+mlm", TRIPLETS).unwrap();
        assert_eq!(
            (
                found.requirements().texts_per_example,
                found.requirements().masked_tokens,
                found.requirements().head
            ),
            (3, true, None)
        );
        assert!(of("angle+cosent+simcse", SCORED).is_ok(), "the paper's combination");
    }

    #[test]
    fn what_the_phase_says_goes_to_parts_that_do_not_say() {
        let built = |objective: &str| {
            let mut phase = phase(objective);
            (phase.temperature, phase.alpha) = (Some(0.2), Some(3.));
            loss(
                &*training_task(&phase, &dataset(SCORED), &Default::default())
                    .unwrap()
                    .objective,
            )
        };
        let spelled = |objective| loss(&*of(objective, SCORED).unwrap());
        assert_eq!(built("consert"), spelled("consert:temperature=0.2"));
        assert_eq!(built("consert:temperature=0.3"), spelled("consert:temperature=0.3"));
        assert_eq!(built("cosent"), spelled("cosent:scale=5"));
        assert_eq!(built("rdrop:preset=su"), spelled("rdrop:preset=su,alpha=3"));
        assert_eq!(built("rdrop:alpha=1"), spelled("rdrop:alpha=1"));
    }

    #[test]
    fn consert_alone_has_its_published_views() {
        let views = |objective| {
            training_task(&phase(objective), &dataset(SCORED), &Default::default())
                .unwrap()
                .views
        };
        for contrast_only in ["consert", "0.15*nt-xent:temperature=0.2"] {
            assert_eq!(views(contrast_only), published_consert(), "{contrast_only}");
        }
        for other in ["rdrop+consert", "simcse"] {
            assert_eq!(views(other), [View::DROPOUT, View::DROPOUT], "{other}");
        }
    }

    #[test]
    fn what_cannot_be_is_said_with_what_can() {
        for (text, lines, message) in [
            ("sbert", SCORED, &["`sbert`", "rdrop", "online-contrastive"][..]),
            ("x*rdrop", SCORED, &["`x*rdrop`", "weight"]),
            ("nan*rdrop", SCORED, &["weight"]),
            ("rdrop:beta=1", SCORED, &["`beta`", "preset", "alpha"]),
            ("rdrop:js", SCORED, &["`js`", "rdrop-scores"]),
            ("rdrop:temperature=1", CLASSIFIED, &["`temperature`", "rdrop-classes"]),
            ("rdrop:preset=paper", SCORED, &["preset", "`paper`", "article", "glue", "su"]),
            ("rdrop:alpha=-1", SCORED, &["alpha -1", "0 or more"]),
            ("rdrop:alpha", SCORED, &["alpha", "a number"]),
            ("rdrop:alpha=x", SCORED, &["`x`", "a number"]),
            ("rdrop:alpha=1,alpha=2", SCORED, &["alpha", "twice"]),
            ("consert:temperature=0", SCORED, &["temperature 0", "more than 0"]),
            ("consert:temperature=nan", SCORED, &["temperature NaN", "more than 0"]),
            ("consert:temperature=1,scale=1", SCORED, &["scale", "temperature", "one of"]),
            ("consert:type=dot", SCORED, &["`dot`", "nt-xent", "cosine"]),
            ("consert:stop-gradient=third", SCORED, &["`third`", "none, first, second"]),
            ("consert:centre=-1", SCORED, &["centre -1", "0 or more"]),
            ("mnrl:symmetric=maybe", TRIPLETS, &["`maybe`", "true or false"]),
            ("mnrl:scale=inf", TRIPLETS, &["scale inf", "a finite number"]),
            ("simcse:hard-negative-weight=inf", TRIPLETS, &["hard-negative-weight inf"]),
            ("triplet:margin=-0.1", TRIPLETS, &["margin -0.1", "0 or more"]),
            ("triplet:distance=manhattan", TRIPLETS, &["`manhattan`", "euclidean, cosine"]),
            ("softmax:label-smoothing=1.5", CLASSIFIED, &["label-smoothing 1.5", "0 to 1"]),
            ("matryoshka", SCORED, &["dims"]),
            ("cosent:dims=8/x", SCORED, &["`8/x`", "256/128/64"]),
            ("cosent:dims=0", SCORED, &["at least 1"]),
            ("cosent:dims=8/4,dim-weights=1", SCORED, &["one weight per dimension"]),
            ("cosent:dim-weights=1", SCORED, &["without dims"]),
            ("softmax:dims=8", CLASSIFIED, &["softmax", "more than embeddings"]),
            ("rdrop-classes+cosine-mse", SCORED, &["scores", "classes", "one kind of labels"]),
            ("distillation+cosine-mse", SCORED, &["teacher", "scores"]),
            ("kl+regression", SCORED, &["classification head", "regression head"]),
            ("mnrl+cosine-mse", SCORED, &["anchor", "scores"]),
            (
                "triplet",
                "anchor\tpositive\na\tb\n",
                &["data.tsv", "2 texts per example", "needs 3"],
            ),
            ("mnrl", SCORED, &["data.tsv", "label", "--columns"]),
        ] {
            let Err(error) = of(text, lines) else { panic!("{text} was taken") };
            let error = error.to_string();
            for word in message {
                assert!(error.contains(word), "{text}: {error}, expected {word}");
            }
        }
    }
}
