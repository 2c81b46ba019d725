//! The pages: HTML made on the server, one stylesheet and one small script beside it, nothing from elsewhere.

mod board;
mod data;
mod episode;
mod funnel;
mod outcome;
mod spark;
mod targets;
mod waterfall;

use maud::{DOCTYPE, Markup, html};

pub(crate) use board::{board, workspaces};
pub(crate) use data::{data, dead_letters};
pub(crate) use episode::{episode, episodes};
pub(crate) use targets::Query;

/// What every page shows around its own.
pub(crate) struct Frame<'a> {
    /// Of the browser's window.
    pub(crate) title: &'a str,
    /// The workspace, where the page is about one.
    pub(crate) workspace: Option<&'a str>,
    /// The part of the site the reader is in: board, episodes, data.
    pub(crate) at: &'a str,
}

impl Frame<'_> {
    /// The whole page. What is inside `main` is replaced when something changes.
    pub(crate) fn around(&self, body: Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " – Plumbline" }
                    link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/assets/board.css";
                    script src="/assets/board.js" defer {}
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header.site {
                        a.brand href="/" { "Plumbline" }
                        @if let Some(workspace) = self.workspace {
                            nav aria-label="Workspace" {
                                @for (at, path, text) in [("board", "", "Board"), ("episodes", "/episodes", "Episodes"), ("data", "/data", "Data")] {
                                    a href=(format!("/w/{}{path}", segment(workspace)))
                                        aria-current=[(self.at == at).then_some("page")] { (text) }
                                }
                            }
                        }
                        span #live role="status" data-workspace=[self.workspace] {}
                    }
                    main #main { (body) }
                }
            }
        }
    }
}

/// A path segment or query value: what is not plain is percent-encoded.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}

/// Text that is no markup.
pub fn escaped(text: &str) -> String {
    html! { (text) }.into_string()
}

/// A page that is not there.
pub(crate) fn missing(what: &str) -> Markup {
    Frame { title: "Not found", workspace: None, at: "" }.around(html! {
        h1 { "Not found" }
        p { (what) }
        p { a href="/" { "All workspaces" } }
    })
}

#[cfg(test)]
mod tests;
