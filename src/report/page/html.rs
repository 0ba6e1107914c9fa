//! Tables as markup.

use crate::report::format::escaped;
use std::fmt::Write;

/// What stands where there is nothing.
pub const NOTHING: &str = "–";

/// A table whose first columns are text and whose others are numbers. Cells are markup. A column
/// of numbers that holds nothing is left out.
pub struct Table {
    /// What it shows; markup.
    pub caption: String,
    /// The names of its columns; markup.
    pub head: Vec<String>,
    /// How many columns are text; the first names its row.
    pub text_columns: usize,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The table in a box of its own that can be moved sideways; on a telephone, where it has many
    /// columns, each row is a block whose cells bear the names of their columns.
    pub fn html(&self) -> String {
        let kind = |column: usize| if column < self.text_columns { "" } else { " class=\"n\"" };
        let holds = |column: &usize| {
            *column < self.text_columns || self.rows.iter().any(|row| row[*column] != NOTHING)
        };
        let kept: Vec<usize> = (0..self.head.len()).filter(holds).collect();
        let label = escaped(&plain(&self.caption));
        let class = if kept.len() > 4 { " class=\"wide\"" } else { "" };
        let mut html = format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">\n\
             <table{class}><caption>{}</caption>\n<thead><tr>",
            self.caption
        );
        for &column in &kept {
            let _ =
                write!(html, "<th scope=\"col\"{}>{}</th>", kind(column), self.head[column]);
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for &column in &kept {
                let (cell, name) = (&row[column], escaped(&plain(&self.head[column])));
                let _ = match column {
                    0 => write!(html, "<th scope=\"row\">{cell}</th>"),
                    _ => write!(html, "<td{} data-name=\"{name}\">{cell}</td>", kind(column)),
                };
            }
            html.push_str("</tr>\n");
        }
        html + "</tbody></table></div>"
    }
}

/// The names of columns.
pub fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// A number with what stands behind it, smaller.
pub fn with(number: &str, behind: &str) -> String {
    format!("{number}<small>{behind}</small>")
}

/// Names and what they name, one under the other; what they name is markup.
pub fn definitions(entries: &[(&str, String)]) -> String {
    let entry = |(name, html): &(&str, String)| format!("<dt>{name}</dt><dd>{html}</dd>\n");
    format!("<dl>\n{}</dl>", entries.iter().map(entry).collect::<String>())
}

/// The text of markup, for where none may stand.
fn plain(html: &str) -> String {
    let parts = html.split('<').enumerate().map(|(number, part)| match number {
        0 => part,
        _ => part.split_once('>').map_or("", |(_, text)| text),
    });
    parts
        .collect::<String>()
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_names_its_rows_and_columns() {
        let caption = "A <b>&lt;b&gt;</b>".into();
        let rows = vec![vec!["x".into(), "1".into()]];
        let html = Table { caption, head: head(&["set", "ρ"]), text_columns: 1, rows }.html();
        assert!(html.contains("aria-label=\"A &lt;b&gt;\""), "{html}");
        assert!(
            html.contains("<th scope=\"row\">x</th><td class=\"n\" data-name=\"ρ\">1</td>"),
            "{html}"
        );
    }

    #[test]
    fn a_column_of_nothing_is_left_out_but_not_one_that_names() {
        let row = |cells: [&str; 4]| cells.map(String::from).to_vec();
        let rows =
            vec![row(["a", NOTHING, NOTHING, "1"]), row(["b", NOTHING, NOTHING, NOTHING])];
        let head = head(&["set", "run", "before", "after"]);
        let html = Table { caption: "t".into(), head, text_columns: 2, rows }.html();
        assert!(html.contains(">run<") && html.contains(">after<"), "{html}");
        assert!(!html.contains("before"), "{html}");
    }
}
