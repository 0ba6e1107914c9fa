//! `twindrop quantize`.

use super::args::QuantizeArgs;
use crate::disk;
use crate::error::Result;
use crate::sentence_encoder::SentenceEncoder;

pub fn run(args: &QuantizeArgs) -> Result<()> {
    let model = SentenceEncoder::from_pretrained(&args.model)?;
    disk::expect_free(&args.output_dir, args.overwrite_output_dir)?;
    model.save_quantized(&args.output_dir)?;
    eprintln!("the quantized model is in {}", args.output_dir.display());
    Ok(())
}
