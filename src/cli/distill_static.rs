//! `twindrop distill-static`.

use crate::cli::shared::args::UsageArgs;
use crate::cli::shared::model::load;
use crate::cli::shared::print::note;
use crate::distill_static::{DistillOptions, Distilled, PcaDims, distill};
use crate::error::{Error, Result};
use crate::io;
use crate::nn::ComputeDtype;
use crate::sentence_encoder::StaticFormat;
use clap::Args;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  twindrop distill-static --model sentence-transformers/all-MiniLM-L6-v2 --output-dir static
  twindrop distill-static --model MODEL --pca-dims 128 --vocabulary words.txt --output-dir static
  twindrop eval --model MODEL --model static --data sts-test.tsv

Distillation of model2vec: the teacher embeds each token of its vocabulary alone, the vectors are
reduced to their principal components and weighted by smooth inverse frequency. An embedding of
the new model is the mean of the vectors of its tokens, scaled to length one.";

/// The teacher and how it is distilled.
#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct DistillStaticArgs {
    /// Model directory or hub id of the teacher
    #[arg(long, value_name = "TEACHER")]
    pub model: String,
    /// Output directory for the static embedding model
    #[arg(long, visible_alias = "output", value_name = "DIR")]
    pub output_dir: PathBuf,
    /// Principal components to keep: a number, auto (all) or none (no PCA)
    #[arg(long, value_name = "K", default_value = "256")]
    pub pca_dims: PcaDims,
    /// Coefficient a of the weights a / (a + p), p by Zipf's law from the rank of a token; none for
    /// no weights
    #[arg(long, value_name = "A", default_value = "1e-4")]
    pub sif_coefficient: Coefficient,
    /// Text file of words, one per line, that become tokens beside those of the teacher
    #[arg(long, value_name = "FILE")]
    pub vocabulary: Option<PathBuf>,
    /// Form of the output directory: sentence-transformers (unknown tokens count) or model2vec
    /// (unknown tokens are left out)
    #[arg(long, value_name = "NAME", default_value = "sentence-transformers")]
    pub layout: StaticFormat,
    /// Allow an output directory that is not empty
    #[arg(long)]
    pub overwrite_output_dir: bool,
}

/// A SIF coefficient, or none.
#[derive(Clone, Copy)]
pub struct Coefficient(Option<f64>);

impl FromStr for Coefficient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self(None)),
            number => number.parse().map(|a| Self(Some(a))).map_err(|_| {
                Error::config(format!("sif-coefficient `{text}`: expected a number or none"))
            }),
        }
    }
}

/// Interval between progress lines.
const EVERY: Duration = Duration::from_secs(5);

pub fn run(args: &DistillStaticArgs) -> Result<()> {
    io::expect_apart(&args.output_dir, [&args.model])?;
    io::expect_free(&args.output_dir, args.overwrite_output_dir)?;
    let words = args.vocabulary.as_deref().map(words).transpose()?.unwrap_or_default();
    // what is written is not in integers
    let teacher = load(&args.model, UsageArgs::default())?.with_dtype(ComputeDtype::F32);
    let options = DistillOptions::default()
        .with_pca_dims(args.pca_dims)
        .with_sif_coefficient(args.sif_coefficient.0)
        .with_format(args.layout);
    let mut last = Instant::now();
    let mut progress = |done: usize, all: usize| {
        if last.elapsed() >= EVERY {
            note(format!("{done} of {all} tokens embedded"));
            last = Instant::now();
        }
    };
    let distilled = distill(teacher, &words, &options, &mut progress)?;
    distilled.notes.iter().for_each(|text| note(format!("warning: {text}")));
    distilled.save(&args.model, &options, &args.output_dir)?;
    note(summary(&distilled, args));
    Ok(())
}

/// The words of a file, without those that are empty.
fn words(path: &Path) -> Result<Vec<String>> {
    const LARGEST: u64 = 64 << 20;
    let text = io::read_text(path, LARGEST)?;
    let lines = text.lines().map(str::trim);
    let words: Vec<String> = lines.filter(|line| !line.is_empty()).map(String::from).collect();
    match words.is_empty() {
        true => Err(Error::data(path, "has no words; expected one per line")),
        false => Ok(words),
    }
}

fn summary(distilled: &Distilled, args: &DistillStaticArgs) -> String {
    let width = distilled.encoder.get_embedding_dimension();
    let Distilled { tokens, removed, added, skipped, inputs, explained, .. } = distilled;
    let words = match &args.vocabulary {
        Some(_) => format!(", {added} words added, {skipped} that are no new tokens skipped"),
        None => String::new(),
    };
    let explained = explained.map_or(String::new(), |share| {
        format!(" that explain {:.1} % of the variance of {inputs}", 100. * share)
    });
    format!(
        "{} tokens ({removed} special or unused left out{words}), {width} dimensions{explained}; \
         model saved to {}",
        tokens.len(),
        args.output_dir.display()
    )
}
