//! The HTML page: sections of text, tables and plots in one file.

mod agreement;
mod comparison;
mod geometry;
mod html;
mod provenance;
mod results;
mod section;
mod settings;
mod training;
mod worst;

use super::Report;
use super::format::{escaped, list};
use super::plot::{ColorRole, Plot, rules};
use section::{PageBlock, Section};
use std::fmt::Write;

/// Every section in order, the names of pictures made unique.
fn sections(report: &Report) -> Vec<Section> {
    let sections = [
        Some(results::section(report)),
        comparison::section(report),
        Some(training::section(report)),
        agreement::section(report),
        geometry::section(report),
        worst::section(report),
        Some(settings::section(report)),
        Some(provenance::section(report)),
    ];
    let mut sections: Vec<Section> = sections.into_iter().flatten().collect();
    let mut names: Vec<String> = Vec::new();
    for block in sections.iter_mut().flat_map(|section| &mut section.blocks) {
        let PageBlock::Figure(plots, _) = block else { continue };
        for plot in plots {
            let mut name = plot.name.clone();
            let mut number = 2;
            while names.contains(&name) {
                name = format!("{}-{number}", plot.name);
                number += 1;
            }
            plot.name.clone_from(&name);
            names.push(name);
        }
    }
    sections
}

/// The pictures of the page.
pub fn plots(report: &Report) -> Vec<Plot> {
    let blocks = sections(report).into_iter().flat_map(|section| section.blocks);
    let plots = blocks.filter_map(|block| match block {
        PageBlock::Figure(plots, _) => Some(plots),
        PageBlock::Html(_) => None,
    });
    plots.flatten().collect()
}

/// The whole page.
pub fn html(report: &Report) -> String {
    let labels: Vec<String> = report.runs.iter().map(|run| escaped(&run.label)).collect();
    let title = format!("twindrop report: {}", labels.join(", "));
    let names: Vec<String> = labels.iter().map(|label| format!("<bdi>{label}</bdi>")).collect();
    let sections = sections(report);
    let contents = sections.iter().map(|section| {
        let Section { id, title, .. } = section;
        format!("<li><a href=\"#{id}\">{title}</a></li>")
    });
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<header>\n\
         <p class=\"kicker\">twindrop report</p>\n<h1>{}</h1>\n{}</header>\n\
         <nav aria-label=\"Contents\"><ul>{}</ul></nav>\n<main>\n",
        style(),
        list(&names),
        results::lead(report),
        contents.collect::<String>()
    );
    for Section { id, title, blocks } in &sections {
        let _ = writeln!(page, "<section id=\"{id}\" aria-labelledby=\"{id}-h\">");
        let _ = writeln!(page, "<h2 id=\"{id}-h\">{title}</h2>");
        blocks.iter().for_each(|block| put(&mut page, block));
        page.push_str("</section>\n");
    }
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(page, "</main>\n<footer><p>Created with twindrop {version}.</p></footer>\n");
    page + "</body>\n</html>\n"
}

fn put(page: &mut String, block: &PageBlock) {
    match block {
        PageBlock::Html(html) => page.push_str(html),
        PageBlock::Figure(plots, caption) => {
            let pictures = plots.iter().map(|plot| format!("<div>{}</div>", plot.inline()));
            let pictures = pictures.collect::<Vec<_>>().join("\n");
            let _ = write!(
                page,
                "<figure>\n<div class=\"panels\">\n{pictures}\n</div>\n\
                 <figcaption>{caption}</figcaption>\n</figure>"
            );
        }
    }
    page.push('\n');
}

/// The style sheet: colours by the scheme the reader prefers, and what is drawn in them.
fn style() -> String {
    let colours = |of: fn(ColorRole) -> u32| {
        ColorRole::all()
            .map(|color| format!("--{}:#{:06x};", color.name(), of(color)))
            .collect::<String>()
    };
    format!(
        ":root{{color-scheme:light dark;{light}}}\n\
         @media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n\
         @media print{{:root{{color-scheme:light;{light}--paper:#fff}}}}\n{}{}\n",
        include_str!("style.css"),
        rules(|color| format!("var(--{})", color.name())),
        light = colours(ColorRole::light),
        dark = colours(ColorRole::dark),
    )
}
