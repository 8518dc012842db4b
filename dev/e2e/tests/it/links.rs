//! The links of the documents: each leads to a file, a heading or another site, and every
//! page of the book is in its table of contents.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::promises::{root, texts};

/// A document: its text with the files that it includes, as mdBook shows it.
struct Document {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

impl Document {
    fn read(path: &Path, text: &str) -> Self {
        let text = with_includes(path, text);
        let (mut links, mut anchors) = (Vec::new(), BTreeSet::new());
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let repeated = (1..).map(|n| format!("{slug}-{n}"));
                    let mut names = std::iter::once(slug.clone()).chain(repeated);
                    anchors.extend(names.find(|name| !anchors.contains(name)));
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    links.extend(attributes(&html, &["href", "src", "srcset"]));
                    anchors.extend(attributes(&html, &["id", "name"]));
                }
                _ => {}
            }
        }
        Self { links, anchors }
    }
}

/// Replaces `{{#include FILE}}` by the file, `{{#include FILE:PART}}` by a part of it.
fn with_includes(path: &Path, text: &str) -> String {
    let mut parts = text.split("{{#include ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (include, rest) = part.split_once("}}").expect("an include ends");
        let (file, part) = include.split_once(':').unwrap_or((include, ""));
        let file = path.with_file_name("").join(file);
        let included = fs::read_to_string(&file);
        let included = included.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let from = included.split_once(&format!("ANCHOR: {part} -->"));
        let from = from.map_or(&*included, |(_, from)| from);
        out += from.split("<!-- ANCHOR_END:").next().unwrap_or(from);
        out += rest;
    }
    out
}

/// The anchor of a heading, as mdBook and GitHub make it.
fn slug(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The values of attributes in a piece of HTML.
fn attributes(html: &str, names: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    for name in names {
        for rest in html.split(&format!(" {name}=\"")).skip(1) {
            values.extend(rest.split_once('"').map(|(value, _)| value.to_owned()));
        }
    }
    values
}

/// The path without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut out, part| {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
        out
    })
}

/// Every Markdown file of the project, by its path from the root.
fn documents() -> BTreeMap<PathBuf, Document> {
    let root = resolved(&root());
    let all = texts(&root, ".md").into_iter();
    // Pages are written from templates.
    let all = all.filter(|(path, _)| !path.starts_with(root.join("manifestgen/templates")));
    all.map(|(path, text)| {
        let document = Document::read(&path, &text);
        (
            path.strip_prefix(&root).expect("below it").to_owned(),
            document,
        )
    })
    .collect()
}

#[test]
fn links_lead_somewhere() {
    let documents = documents();
    let mut broken = Vec::new();
    let mut checked = 0;
    for (path, document) in &documents {
        for link in &document.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => resolved(&path.with_file_name("").join(file)),
            };
            let exists = root().join(&target).exists();
            let has_anchor = anchor.is_empty()
                || documents
                    .get(&target)
                    .is_some_and(|target| target.anchors.contains(anchor));
            // What is outside of the book's folder is not in the built book.
            let leaves_book = path.starts_with("docs") && !target.starts_with("docs");
            if !exists || !has_anchor || leaves_book {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 200, "{checked}");
}

#[test]
fn summary_lists_every_page() {
    let documents = documents();
    let summary = Path::new("docs/SUMMARY.md");
    let listed: Vec<PathBuf> = documents[summary]
        .links
        .iter()
        .map(|link| Path::new("docs").join(link))
        .collect();
    let distinct: BTreeSet<&PathBuf> = listed.iter().collect();
    let pages = documents
        .keys()
        .filter(|path| path.starts_with("docs") && *path != summary);
    assert_eq!(distinct.len(), listed.len(), "a page is listed twice");
    assert_eq!(distinct, pages.collect());
}

#[test]
fn anchors_are_those_of_headings() {
    let text =
        "# Try it: `just demo`\n\n## A\n\n## A\n\n<a id=\"here\"></a>[x](y.md#z) ![p](q.png)\n";
    let document = Document::read(Path::new("docs/x.md"), text);
    assert_eq!(document.links, ["y.md#z", "q.png"]);
    let anchors: Vec<&str> = document.anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["a", "a-1", "here", "try-it-just-demo"]);
}
