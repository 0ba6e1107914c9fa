//! Colour, for eyes alone: on a terminal, unless `NO_COLOR` says otherwise.

use std::io::IsTerminal;
use std::sync::LazyLock;

/// What a word is painted in.
#[derive(Clone, Copy)]
pub enum Color {
    Red = 31,
    Green = 32,
    Yellow = 33,
}

static WANTED: LazyLock<bool> = LazyLock::new(|| {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let dumb = set("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && set("NO_COLOR").is_none() && !dumb
});

/// `text` in that colour, where standard output shows any.
pub fn paint(text: &str, colour: Color) -> String {
    if *WANTED { format!("\x1b[{}m{text}\x1b[0m", colour as u8) } else { text.into() }
}
