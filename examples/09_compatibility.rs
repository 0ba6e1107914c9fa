//! Who loads what was saved. `cargo run --release --example 09_compatibility [MODEL]`
//!
//! A model directory is read by programs of several makes and ages, each with its own demands.
//! What is saved here meets them all; one key of another age and some no longer load it.

use std::path::Path;
use twindrop::sentence_encoder::{Preset, SentenceEncoder, check_compatibility};
use twindrop::{Error, Result};

fn tell(dir: &Path) -> Result<()> {
    for verdict in check_compatibility(dir)? {
        let word = if verdict.loads() { "loads it" } else { "does not" };
        println!("  {:<30} {word}", verdict.reader.to_string());
        for fault in &verdict.faults {
            println!("      {}: {} → {}", fault.file, fault.why, fault.advice);
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    if let Some(dir) = std::env::args().nth(1) {
        return tell(Path::new(&dir));
    }
    let dir = std::env::temp_dir().join(format!("twindrop-readers-{}", std::process::id()));
    let texts = ["A cat sleeps.", "Rain fell on the roof."];
    SentenceEncoder::fresh(Preset::Tiny, texts.into_iter(), 42)?.save_pretrained(&dir)?;
    println!("as it was saved:");
    tell(&dir)?;

    let path = dir.join("1_Pooling/config.json");
    let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
    let newer = text.replace("word_embedding_dimension", "embedding_dimension");
    std::fs::write(&path, newer).map_err(|error| Error::io(&path, error))?;
    println!("with the key that sentence-transformers writes since 5.4:");
    tell(&dir)?;
    std::fs::remove_dir_all(&dir).map_err(|error| Error::io(&dir, error))
}
