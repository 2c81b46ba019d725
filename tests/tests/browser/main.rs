//! The board as people see it: in a real Chromium, wide and on a phone, light and dark, with axe-core's checks of
//! accessibility. Needs chromium, java and mvn (axe comes from Maven); `PLUMBLINE_REQUIRE_BROWSER=1` makes their
//! absence a failure. The pictures stay in the build folder: `PLUMBLINE_PICTURES=DIR` names another.

#![allow(clippy::unwrap_used)]

mod chromium;
mod companies;

use std::path::{Path, PathBuf};

use plumbline_tests::tools::{available, ran};
use serde_json::Value;

use crate::chromium::{Chromium, Page};
use crate::companies::{STATES, board};

const REQUIRED: &str = "PLUMBLINE_REQUIRE_BROWSER";
/// A phone and a desk.
const WIDTHS: [u32; 2] = [360, 1440];
/// axe-core as its makers ship it to Maven, MPL-2.0; fetched, never shipped.
const AXE: &str = "com.deque.html.axe-core:playwright:4.10.1:jar";

/// axe-core's script, fetched once.
fn axe() -> String {
    let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = home.join(".cache/plumbline").join(AXE.replace(':', "_"));
    let script = folder.join("axe.min.js");
    if !script.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let fresh = tempfile::tempdir_in(&folder).unwrap();
        let goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";
        let (artifact, place) =
            (format!("-Dartifact={AXE}"), format!("-DoutputDirectory={}", fresh.path().display()));
        ran(fresh.path(), "mvn", &["-q", "-B", goal, &artifact, &place, "-Dmdep.unpack.includes=axe.min.js"])
            .unwrap();
        // Renamed into its place: a fetch that was cut short is never taken for a whole one.
        std::fs::rename(fresh.path().join("axe.min.js"), &script).unwrap();
    }
    std::fs::read_to_string(script).unwrap()
}

/// What axe-core finds wrong, and how many of its checks passed.
fn accessibility(page: &mut Page<'_>, axe: &str) -> (Vec<String>, u64) {
    page.value(&format!("{axe}; 0")).unwrap();
    let run = "axe.run(document, { resultTypes: ['violations'] }).then(r => ({ passes: r.passes.length, \
               violations: r.violations.map(v => v.id + ': ' + v.help + ' at ' + \
               v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + n.failureSummary).join(' | ')) }))";
    let found = page.value(run).unwrap();
    let violations = found["violations"].as_array().unwrap();
    let violations = violations.iter().map(|said| said.as_str().unwrap().to_owned()).collect();
    (violations, found["passes"].as_u64().unwrap())
}

/// What reaches beyond the window's sides without being in a box that scrolls. What lies wholly to the left is put there
/// for those who do not see it.
const BEYOND: &str = "((wide) => {
  const scrolls = (e) => e && e !== document.body &&
    (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  return [...document.body.querySelectorAll('*')].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && box.right > 0 && (box.right > wide + 1 || box.left < -1) && !scrolls(e);
  }).map((e) => e.tagName + '.' + e.getAttribute('class') + ' ' + e.textContent.slice(0, 40));
})";

fn beyond(page: &mut Page<'_>, width: u32) -> Vec<Value> {
    page.value(&format!("{BEYOND}({width})")).unwrap().as_array().unwrap().clone()
}

/// Tables that must be scrolled sideways although they are made to fit.
const HIDDEN: &str = "[...document.querySelectorAll('.stacked')].map((table) => table.parentElement)
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .map((box) => box.getAttribute('aria-label') + ': ' + box.scrollWidth + ' of ' + box.clientWidth)";

/// Width and height in a PNG's header.
fn size(picture: &[u8]) -> (u32, u32) {
    assert_eq!(&picture[1..4], b"PNG");
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

/// Looks at a page at both widths, in both colour schemes; what is wrong with it.
fn look_at(
    browser: &mut Chromium,
    axe: &str,
    url: &str,
    says: &str,
    pictures: &Path,
    name: &str,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (width, dark) in WIDTHS.into_iter().flat_map(|width| [(width, false), (width, true)]) {
        let what = format!("{name}-{width}-{}", if dark { "dark" } else { "light" });
        let mut page = browser.open(url, width, dark).unwrap();
        let text = page.value("document.getElementById('main').innerText").unwrap();
        if !text.as_str().unwrap().to_lowercase().contains(says) {
            wrong.push(format!("{what}: no {says:?} in {text}"));
        }
        let (violations, passes) = accessibility(&mut page, axe);
        assert!(passes > 10, "{what}: axe has checked nothing");
        let beyond = beyond(&mut page, width).into_iter().map(|e| format!("beyond the window: {e}"));
        let hidden = page.value(HIDDEN).unwrap().as_array().unwrap().clone();
        let hidden = hidden.into_iter().map(|said| format!("to be scrolled: {said}"));
        let complaints = page.complaints().unwrap();
        let all = beyond.chain(hidden).chain(violations).chain(complaints);
        wrong.extend(all.map(|said| format!("{what}: {said}")));
        let picture = page.screenshot().unwrap();
        let (wide, high) = size(&picture);
        if wide != width || high < 200 || picture.len() < 5_000 {
            wrong.push(format!("{what}: {wide} x {high}"));
        }
        std::fs::write(pictures.join(format!("{what}.png")), picture).unwrap();
    }
    wrong
}

#[test]
fn every_state_of_the_board_can_be_read_wide_and_on_a_phone_by_everybody() {
    let test = "every_state_of_the_board_can_be_read_wide_and_on_a_phone_by_everybody";
    if !available(test, &["chromium", "java", "mvn"], REQUIRED) {
        return;
    }
    let axe = axe();
    let folder = tempfile::tempdir().unwrap();
    let pictures = std::env::var_os("PLUMBLINE_PICTURES")
        .map_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("board"), PathBuf::from);
    std::fs::create_dir_all(&pictures).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = board(&runtime);
    let mut browser = Chromium::start(folder.path()).unwrap();
    let mut wrong = Vec::new();
    let mut look = |path: &str, says: &str, name: &str| {
        let url = format!("http://{address}{path}");
        wrong.extend(look_at(&mut browser, &axe, &url, says, &pictures, name));
    };
    for (workspace, state) in STATES {
        look(&format!("/w/{workspace}"), state, workspace);
    }
    look("/", "steady", "workspaces");
    look("/w/silent/data", "silent", "data");
    look("/dead-letters", "malformed", "dead-letters");
    look("/w/trapped/episodes", "open", "episodes");
    let mut page = browser.open(&format!("http://{address}/w/trapped"), 1440, false).unwrap();
    let first = "document.querySelector('ul.episodes a').getAttribute('href')";
    let episode = page.value(first).unwrap().as_str().unwrap().to_owned();
    drop(page);
    let url = format!("http://{address}{episode}");
    wrong.extend(look_at(&mut browser, &axe, &url, "owners", &pictures, "episode"));
    assert_eq!(wrong, Vec::<String>::new(), "{wrong:#?}");

    // All of this can fail.
    let mut page = browser.open(&format!("http://{address}/w/steady"), 360, false).unwrap();
    let spoil = "document.documentElement.removeAttribute('lang'); console.error('spoilt'); \
                 document.body.insertAdjacentHTML('beforeend', '<p class=wide>w</p>'); \
                 Object.assign(document.querySelector('.wide').style, { width: '900px' }); 0";
    page.value(spoil).unwrap();
    assert!(beyond(&mut page, 360)[0].as_str().unwrap().starts_with("P.wide"));
    let (violations, _) = accessibility(&mut page, &axe);
    assert!(violations.iter().any(|said| said.starts_with("html-has-lang")), "{violations:?}");
    assert!(page.complaints().unwrap().iter().any(|said| said.contains("spoilt")));
    page.value("fetch('/nowhere').then(() => 0)").unwrap();
    assert!(page.complaints().unwrap().iter().any(|said| said.contains("404")), "what is not there is seen");
}
