//! `twindrop whiten`.

use crate::cli::shared::args::{ColumnArgs, ModelArgs};
use crate::cli::shared::model::open;
use crate::cli::shared::notes::{counts_line, note_report};
use crate::data::ReadReport;
use crate::error::{Error, Result};
use crate::io;
use crate::nn::ComputeDtype;
use crate::sentence_encoder::EncodeOptions;
use crate::vectors::Whitening;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  twindrop whiten --model MODEL --data stsb-train.tsv --dim 256 --output-dir MODEL-256
  twindrop whiten --model MODEL --data a.txt b.txt --method abtt --output-dir MODEL-abtt
  twindrop eval --model MODEL --model MODEL-256 --data stsb-test.tsv --geometry

The fitted transformation is saved as a Dense module (2_Dense) between Pooling and
Normalize, merged with an existing dense layer; sentence-transformers loads it. Every text
of --data counts as often as it occurs; labels are ignored. Weights are saved in float32.";

#[derive(Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub struct WhitenArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Texts to fit the transformation to (.tsv .csv .jsonl .txt), one or more files
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., help_heading = "Data")]
    pub data: Vec<PathBuf>,
    #[command(flatten, next_help_heading = "Data")]
    pub columns: ColumnArgs,
    /// whitening (zero mean, unit variance in every direction) or abtt (all-but-the-top: zero mean,
    /// top principal components removed)
    #[arg(
        long,
        value_enum,
        default_value = "whitening",
        value_name = "NAME",
        help_heading = "Whitening"
    )]
    pub method: Method,
    /// Output dimension of whitening, largest variances first [default: the numerical rank]
    #[arg(long, value_name = "K", help_heading = "Whitening")]
    pub dim: Option<usize>,
    /// Number of principal components that abtt removes [default: a hundredth of the embedding
    /// dimension]
    #[arg(long, value_name = "D", help_heading = "Whitening")]
    pub components: Option<usize>,
    /// Output directory for the model
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub output_dir: PathBuf,
    /// Allow an output directory that is not empty
    #[arg(long, help_heading = "Output")]
    pub overwrite_output_dir: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Method {
    Whitening,
    Abtt,
}

pub fn run(args: &WhitenArgs) -> Result<()> {
    let strange = match args.method {
        Method::Whitening => args.components.map(|_| "--components needs --method abtt"),
        Method::Abtt => args.dim.map(|_| "--dim needs --method whitening"),
    };
    if let Some(message) = strange {
        return Err(Error::config(message));
    }
    io::expect_apart(&args.output_dir, [&args.model.model])?;
    io::expect_free(&args.output_dir, args.overwrite_output_dir)?;
    let (texts, reports) = texts(args)?;
    let mut model = open(&args.model)?;
    if args.model.usage.dtype.is_none() {
        model = model.with_dtype(ComputeDtype::F32); // what is written is not in integers
    }
    let options = EncodeOptions { skip_normalize: true, ..EncodeOptions::default() };
    let embeddings = model.encode(&texts, &options)?;
    let width = embeddings.width();
    let whitening = match args.method {
        Method::Whitening => Whitening::fit(&embeddings, args.dim)?,
        Method::Abtt => {
            let components = args.components.unwrap_or((width / 100).max(1));
            Whitening::all_but_the_top(&embeddings, components)?
        }
    };
    let truncated = model.tokenizer().truncated_texts();
    let whitened = model.with_whitening(&whitening)?;
    let lock = io::claim_directory(&args.output_dir, args.overwrite_output_dir)?;
    whitened.save_pretrained(&args.output_dir)?;
    drop(lock);
    let what = description(args, &whitening, texts.len());
    counts_line(&what, &reports, truncated);
    Ok(())
}

fn texts(args: &WhitenArgs) -> Result<(Vec<String>, Vec<ReadReport>)> {
    let (mut texts, mut reports) = (Vec::new(), Vec::new());
    for path in &args.data {
        let config = args.columns.of(path.clone());
        let dataset = config.read()?;
        note_report(&dataset.report);
        texts.extend(dataset.sentences().map(String::from));
        reports.push(dataset.report);
    }
    Ok((texts, reports))
}

/// A line that sums up the fit.
fn description(args: &WhitenArgs, whitening: &Whitening, texts: usize) -> String {
    let (width, kept) = (whitening.inputs(), whitening.outputs());
    let all: f64 = whitening.variances().iter().sum();
    let share = |count: usize| 100. * whitening.variances()[..count].iter().sum::<f64>() / all;
    let out = args.output_dir.display();
    match args.method {
        Method::Whitening => format!(
            "fitted to {texts} texts, numerical rank {} of {width} dimensions; the {kept} dimensions \
             kept explain {:.1} % of the variance; model saved to {out}",
            whitening.directions(),
            share(kept)
        ),
        Method::Abtt => {
            let taken = args.components.unwrap_or((width / 100).max(1));
            format!(
                "fitted to {texts} texts; the {taken} components removed explain {:.1} % of the \
                 variance; model saved to {out}",
                share(taken)
            )
        }
    }
}
