//! Rust source as far as the arrows see it: its words, with all that is aside blanked out.

/// Whether a name may hold `c`.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every word of a text with its place.
pub fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let words = text.split(|c| !is_word(c)).filter(|word| !word.is_empty());
    words.map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// The source with comments, strings and test items blanked out; lines stay where they are.
pub fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let len = match aside(rest) {
            Some(len) => {
                code.extend(rest[..len].chars().map(|c| if c == '\n' { c } else { ' ' }));
                len
            }
            None => {
                code.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[len..];
    }
    while let Some(at) = code.find("#[cfg(test)]") {
        let end = at + item(&code[at..]);
        let blank = code[at..end].chars().map(|c| if c == '\n' { c } else { ' ' });
        code = format!("{}{}{}", &code[..at], blank.collect::<String>(), &code[end..]);
    }
    code
}

/// The length of the comment, string or character that `rest` begins with.
fn aside(rest: &str) -> Option<usize> {
    let until = |from: usize, end: &str| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    let raw = rest.trim_start_matches('b').strip_prefix('r').unwrap_or("");
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if raw[hashes..].starts_with('"') {
        let start = rest.len() - raw.len() + hashes + 1;
        return Some(until(start, &format!("\"{}", "#".repeat(hashes))));
    }
    match rest.as_bytes() {
        [b'/', b'/', ..] => Some(rest.find('\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(until(2, "*/")), // none is nested here
        [b'"', ..] => Some(closing(rest, '"')),
        [b'\'', b'\\', ..] => Some(closing(rest, '\'')),
        [b'\'', ..] => {
            let c = rest[1..].chars().next()?.len_utf8(); // else a lifetime
            rest[1 + c..].starts_with('\'').then_some(c + 2)
        }
        _ => None,
    }
}

/// The length of a literal up to the next `quote` that is not escaped.
fn closing(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of the item `code` begins with: to its `;`, or to the end of its braces.
fn item(code: &str) -> usize {
    let mut deep = 0;
    for (at, c) in code.char_indices() {
        match c {
            ';' if deep == 0 => return at + 1,
            '{' => deep += 1,
            '}' if deep <= 1 => return at + 1,
            '}' => deep -= 1,
            _ => {}
        }
    }
    code.len()
}
