//! Numbers and untrusted text formatted for the page.

use crate::eval::Interval;

/// Text inside an element or an attribute in quotes. What a page may not hold (NUL, other
/// controls, non-characters) is shown as a sign in its place.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            '\0'..='\x1f' => escaped.extend(char::from_u32(0x2400 + letter as u32)),
            '\x7f' => escaped.push('␡'),
            '\u{80}'..='\u{9f}' => escaped.push(char::REPLACEMENT_CHARACTER),
            letter if letter as u32 & 0xfffe == 0xfffe => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            '\u{fdd0}'..='\u{fdef}' => escaped.push(char::REPLACEMENT_CHARACTER),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Untrusted text, whose writing direction does not affect what surrounds it (`<bdi>`).
pub fn isolated(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(text))
}

/// `1,234`
pub fn grouped(number: u64) -> String {
    thousands(&number.to_string())
}

/// Digits with a comma before every third from the end.
fn thousands(digits: &str) -> String {
    let mut grouped = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1,234.50`, with a minus sign where there is one.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let grouped = thousands(whole);
    let zero = text.chars().all(|letter| matches!(letter, '0' | '.'));
    let sign = if value < 0. && !zero { "−" } else { "" };
    format!("{sign}{grouped}{rest}")
}

/// A correlation as papers print it, × 100: `84.93`.
pub fn percent(value: f64) -> String {
    number(100. * value, 2)
}

/// The same of a difference: `+2.90`, `−0.31`.
pub fn signed(value: f64) -> String {
    let text = percent(value);
    if text.starts_with('−') || text == "0.00" { text } else { format!("+{text}") }
}

/// `82.10 to 86.00`, each end as `name` spells it.
pub fn range(interval: Interval, name: fn(f64) -> String) -> String {
    format!("{} to {}", name(interval.low), name(interval.high))
}

/// `0.0312`, or `< 0.0001`.
pub fn probability(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".into() } else { format!("{p:.4}") }
}

/// `1 pair`, `1,379 pairs`.
pub fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {word}{plural}", self::number(number as f64, 0))
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_words_become_harmless_and_stay_to_be_seen() {
        assert_eq!(escaped("<a b='\"'>&amp;"), "&lt;a b=&#39;&quot;&#39;&gt;&amp;amp;");
        assert_eq!(
            escaped("a\0b\x1bc\x7f\u{9f}\u{ffff}\u{1fffe}"),
            "a␀b␛c␡\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(escaped("çà 中\n"), "çà 中\n");
        assert_eq!(isolated("\u{202e}x"), "<bdi>\u{202e}x</bdi>");
    }

    #[test]
    fn numbers_have_groups_and_a_true_minus() {
        assert_eq!(number(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(-1234., 0), "−1,234");
        assert_eq!(number(999., 0), "999");
        assert_eq!([0, 999, 22_713_216].map(grouped), ["0", "999", "22,713,216"]);
        assert_eq!([signed(0.0123), signed(-0.0123), signed(1e-9)], ["+1.23", "−1.23", "0.00"]);
        assert_eq!([probability(0.2), probability(1e-9)], ["0.2000", "< 0.0001"]);
        assert_eq!([count(1, "pair"), count(1379, "pair")], ["1 pair", "1,379 pairs"]);
        let listed = |n: usize| list(&["a", "b", "c"].map(String::from)[..n]);
        assert_eq!(
            [listed(0), listed(1), listed(2), listed(3)],
            ["", "a", "a and b", "a, b and c"]
        );
    }
}
