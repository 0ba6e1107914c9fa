//! `twindrop embed`.

use super::args::EmbedArgs;
use super::eval::open;
use super::output::Output;
use crate::data::{self, Dataset, Format};
use crate::error::{Error, Result};
use crate::sentence_encoder::EncodeOptions;
use std::io::BufReader;
use std::path::Path;

pub fn run(args: &EmbedArgs) -> Result<()> {
    let output = Output::of(&args.output)?;
    if let (Ok(input), Ok(old)) = (args.input.canonicalize(), args.output.canonicalize())
        && input == old
    {
        let words = "is the input too; choose another --output";
        return Err(Error::config(format!("{} {words}", args.output.display())));
    }
    let dataset = read(args)?;
    if dataset.width() != 1 {
        let words = format!(
            "has {} texts a line; name the one to embed, as --columns _,text or --columns name=text",
            dataset.width()
        );
        return Err(Error::data(&dataset.path, words));
    }
    let model = open(&args.model)?;
    let texts: Vec<&str> = dataset.sentences().collect();
    let options = EncodeOptions {
        batch_size: args.batch_size,
        normalize_embeddings: args.normalize_embeddings,
        truncate_dim: args.truncate_dim,
        truncate_text: !args.no_truncation,
        ..EncodeOptions::default()
    };
    let embeddings = model.encode(&texts, &options)?;
    output.write(&texts, &embeddings)?;
    let (rows, width) = (embeddings.rows(), embeddings.width());
    eprintln!("{rows} vectors of {width} numbers in {}", args.output.display());
    Ok(())
}

fn read(args: &EmbedArgs) -> Result<Dataset> {
    let config = args.columns.of(args.input.clone());
    let mut options = config.options();
    if args.input != Path::new("-") {
        return data::read(&config.path, &options);
    }
    options.format.get_or_insert(Format::Text);
    data::read_from(BufReader::new(std::io::stdin()), Path::new("standard input"), &options)
}
