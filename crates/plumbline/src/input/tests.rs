use std::io::Write;

use plumbline_events::{BodyView, LeadFactView, RecordView, decode_record};

use super::*;

fn lead(id: &str, occurred_at: &str, received_at: Option<&str>) -> String {
    let received = received_at.map_or(String::new(), |at| format!(",\"received_at\":\"{at}\""));
    format!(r#"{{"type":"lead.created","occurred_at":"{occurred_at}","lead_id":"{id}"{received}}}"#)
}

fn write(folder: &Path, name: &str, lines: &[String]) -> PathBuf {
    let path = folder.join(name);
    let mut out = create(&path).unwrap();
    for line in lines {
        writeln!(out, "{line}").unwrap();
    }
    out.finish().unwrap();
    path
}

fn open_files(files: &[PathBuf], order: Order) -> Outcome<Records> {
    let until = "2026-03-05T00:00:00Z".parse().unwrap();
    Records::open(&Request { files, order, until, progress: Progress::new(true) })
}

fn ids(files: &[PathBuf], order: Order) -> (Vec<String>, Records) {
    let mut records = open_files(files, order).unwrap();
    let (mut ids, mut bytes) = (Vec::new(), Vec::new());
    while records.next(&mut bytes).unwrap() {
        let RecordView::Event(event) = decode_record(&bytes).unwrap() else { panic!("an event") };
        let BodyView::Lead { lead_id, fact: LeadFactView::Created } = event.body else { panic!("a lead") };
        ids.push(lead_id.to_owned());
    }
    (ids, records)
}

#[test]
fn files_are_merged_by_arrival_whatever_their_compression_and_ties_stay_as_they_stood() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        write(
            folder.path(),
            "a.jsonl",
            &[
                lead("late", "2026-03-01T08:00:00Z", Some("2026-03-04T08:00:00Z")),
                lead("tie-1", "2026-03-02T08:00:00Z", None),
            ],
        ),
        write(
            folder.path(),
            "b.jsonl.gz",
            &[lead("tie-2", "2026-03-02T08:00:00Z", None), lead("first", "2026-03-01T09:00:00Z", None)],
        ),
        write(
            folder.path(),
            "c.jsonl.zst",
            &[lead("third", "2026-03-03T08:00:00+01:00", None), String::new()],
        ),
    ];
    let (sorted, records) = ids(&files, Order::Received);
    assert_eq!(sorted, ["first", "tie-1", "tie-2", "third", "late"]);
    assert_eq!((records.tally().accepted, records.tally().rejections()), (5, 0));
    assert!(!records.is_export());
    let (as_they_stand, _) = ids(&files, Order::File);
    assert_eq!(as_they_stand, ["late", "tie-1", "tie-2", "first", "third"]);
}

#[test]
fn garbage_is_counted_by_reason_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(
        folder.path(),
        "events.jsonl",
        &[
            lead("one", "2026-03-01T08:00:00Z", None),
            "{ half a line".to_owned(),
            lead("from the future", "2026-03-07T08:00:00Z", None),
            lead("forged arrival", "2026-03-01T08:00:00Z", Some("2099-01-01T00:00:00Z")),
            lead("", "2026-03-01T08:00:00Z", None),
            format!("[{}]", " ".repeat(MAX_LINE)),
            lead("two", "2026-03-02T08:00:00Z", None),
        ],
    );
    let (sorted, records) = ids(&[file], Order::Received);
    assert_eq!(sorted, ["one", "two"]);
    let tally = records.tally();
    assert_eq!(tally.rejections(), 5);
    assert_eq!(tally.rejected["future"], 2);
    assert_eq!(tally.rejected["too_large"], 1);
    assert!(tally.examples[0].contains("events.jsonl:2"), "{:?}", tally.examples);
}

#[test]
fn an_exported_log_is_recognised_kept_in_its_order_and_must_be_whole() {
    let folder = tempfile::tempdir().unwrap();
    let event = |id: &str, at: &str| {
        let line = lead(id, at, Some(at));
        format!("{},\"input\":\"crm.leads\"}}", line.strip_suffix('}').unwrap())
    };
    let lines = [event("later", "2026-03-02T08:00:00Z"), event("earlier", "2026-03-01T08:00:00Z")];
    let whole = write(folder.path(), "log.jsonl.zst", &lines);
    let (order, records) = ids(std::slice::from_ref(&whole), Order::Received);
    assert_eq!(order, ["later", "earlier"]);
    assert!(records.is_export());

    let broken = write(folder.path(), "broken.jsonl", &[lines[0].clone(), "{".to_owned()]);
    let mut records = open_files(&[broken], Order::Received).unwrap();
    let mut bytes = Vec::new();
    assert!(records.next(&mut bytes).unwrap());
    assert_eq!(records.next(&mut bytes).unwrap_err().code(), 4);
    assert_eq!(open_files(&[whole.clone(), whole], Order::Received).err().unwrap().code(), 2);
}

#[test]
fn a_missing_file_is_an_input_failure_that_names_it() {
    let failure = open_files(&[PathBuf::from("/nowhere/events.jsonl")], Order::Received).err().unwrap();
    assert_eq!(failure.code(), 4);
    assert!(failure.to_string().contains("/nowhere/events.jsonl"));
}

#[test]
fn lines_end_with_or_without_a_carriage_return_or_a_last_line_break() {
    let mut reader: &[u8] = b"one\r\ntwo\n\nlast";
    let mut line = Vec::new();
    let mut lines = Vec::new();
    while read_line(&mut reader, 10, &mut line).unwrap() != Line::End {
        lines.push(String::from_utf8(line.clone()).unwrap());
    }
    assert_eq!(lines, ["one", "two", "", "last"]);
    let mut long: &[u8] = b"0123456789ABC\nshort\n";
    assert_eq!(read_line(&mut long, 10, &mut line).unwrap(), Line::TooLong);
    assert_eq!(read_line(&mut long, 10, &mut line).unwrap(), Line::Whole);
    assert_eq!(line, b"short");
}
