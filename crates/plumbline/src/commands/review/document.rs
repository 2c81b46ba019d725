//! A text of headings, paragraphs, lists and tables, written as Markdown or as a page that needs nothing else.

use std::fmt::Write;

use plumbline_board::escaped;

use crate::commands::backtest::report::{STYLE, table};

/// A block of a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    Heading(String),
    Subheading(String),
    Paragraph(String),
    List(Vec<String>),
    /// The head and the rows, each as wide as the head.
    Table(Vec<&'static str>, Vec<Vec<String>>),
}

/// A document with a title.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
}

impl Document {
    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub(crate) fn subheading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Subheading(text.into()));
    }

    pub(crate) fn paragraph(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    /// A list; nothing where it has no items.
    pub(crate) fn list(&mut self, items: Vec<String>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    /// A table, or a sentence where it has no rows.
    pub(crate) fn table(&mut self, head: &[&'static str], rows: Vec<Vec<String>>, none: &str) {
        if rows.is_empty() {
            self.paragraph(none);
        } else {
            self.blocks.push(Block::Table(head.to_vec(), rows));
        }
    }

    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("# {}\n", inline(&self.title));
        for block in &self.blocks {
            out.push('\n');
            let _ = match block {
                Block::Heading(text) => writeln!(out, "## {}", inline(text)),
                Block::Subheading(text) => writeln!(out, "### {}", inline(text)),
                Block::Paragraph(text) => writeln!(out, "{}", inline(text)),
                Block::List(items) => items.iter().try_for_each(|item| writeln!(out, "- {}", inline(item))),
                Block::Table(head, rows) => {
                    let row = |out: &mut String, cells: &mut dyn Iterator<Item = String>| {
                        writeln!(out, "| {} |", cells.collect::<Vec<_>>().join(" | "))
                    };
                    let cell = |text: &str| inline(text).replace('|', "\\|");
                    row(&mut out, &mut head.iter().map(|text| cell(text)))
                        .and_then(|()| row(&mut out, &mut head.iter().map(|_| "---".to_owned())))
                        .and_then(|()| {
                            rows.iter()
                                .try_for_each(|cells| row(&mut out, &mut cells.iter().map(|text| cell(text))))
                        })
                }
            };
        }
        out
    }

    pub(crate) fn html(&self) -> String {
        let title = escaped(&self.title);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title><style>\n{STYLE}</style></head>\n\
             <body><main><h1>{title}</h1>\n"
        );
        let mut caption = self.title.as_str();
        for block in &self.blocks {
            let _ = match block {
                Block::Heading(text) => {
                    caption = text;
                    writeln!(out, "<h2>{}</h2>", escaped(text))
                }
                Block::Subheading(text) => {
                    caption = text;
                    writeln!(out, "<h3>{}</h3>", escaped(text))
                }
                Block::Paragraph(text) => writeln!(out, "<p>{}</p>", escaped(text)),
                Block::List(items) => {
                    let items: String =
                        items.iter().map(|item| format!("<li>{}</li>", escaped(item))).collect();
                    writeln!(out, "<ul>{items}</ul>")
                }
                Block::Table(head, rows) => writeln!(out, "{}", table(caption, head, rows)),
            };
        }
        out + "</main></body></html>\n"
    }
}

/// Text as Markdown shows it: notes are people's words, and may hold marks and line breaks.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' => out.extend(['\\', c]),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peoples_words_are_shown_as_they_stand_and_do_nothing() {
        let mut document = Document { title: "A <b> *c*".to_owned(), ..Document::default() };
        document.table(&["who"], vec![vec!["<script>|x\ny".to_owned()]], "nobody");
        document.table(&["who"], Vec::new(), "nobody");
        document.list(vec!["[a](b)".to_owned()]);
        assert_eq!(
            document.markdown(),
            "# A \\<b\\> \\*c\\*\n\n| who |\n| --- |\n| \\<script\\>\\|x y |\n\nnobody\n\n- \\[a\\](b)\n"
        );
        let page = document.html();
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;|x"), "{page}");
    }
}
