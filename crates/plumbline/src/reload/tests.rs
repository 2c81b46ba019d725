use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;

const PLAN: &str = include_str!("../../../../deploy/examples/plan.toml");

struct Desk {
    folder: tempfile::TempDir,
    reloader: Reloader,
    written: Arc<Mutex<Vec<u32>>>,
    allowed: Arc<Mutex<Vec<String>>>,
    away: Arc<Mutex<bool>>,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.toml"), PLAN).unwrap();
    let path = folder.path().join("plumbline.toml");
    let config = Config::parse(Path::new(&path), "plan = \"plan.toml\"", []).unwrap();
    let (plans, _) = settings::plans(&config).unwrap();
    let written = Arc::<Mutex<Vec<u32>>>::default();
    let allowed = Arc::<Mutex<Vec<String>>>::default();
    let away = Arc::<Mutex<bool>>::default();
    let (log, names, broker) = (Arc::clone(&written), Arc::clone(&allowed), Arc::clone(&away));
    let apply: Apply = Box::new(move |plan| match *broker.lock().unwrap() {
        true => Err(pipeline::Failure::new(Kind::Unavailable, "no broker")),
        false => {
            log.lock().unwrap().push(plan.revision);
            Ok(())
        }
    });
    let allow: Allow = Box::new(move |new| names.lock().unwrap().extend(new.iter().cloned()));
    let reloader = Reloader::new(config, &plans, apply, allow);
    Desk { folder, reloader, written, allowed, away }
}

impl Desk {
    fn write(&self, text: &str) {
        std::fs::write(self.folder.path().join("plan.toml"), text).unwrap();
    }

    fn written(&self) -> Vec<u32> {
        self.written.lock().unwrap().clone()
    }
}

fn revised(revision: u32) -> String {
    let plan = PLAN.replace("revision = 3", &format!("revision = {revision}"));
    assert!(revision == 3 || plan != PLAN, "the example is revision 3");
    plan
}

#[test]
fn a_changed_file_is_taken_once_it_has_settled() {
    let mut desk = desk();
    assert!(!desk.reloader.changed());
    desk.write(&revised(4)[..100]);
    assert!(!desk.reloader.changed(), "half written");
    desk.write(&revised(4));
    assert!(!desk.reloader.changed(), "it moved just now");
    assert!(desk.reloader.changed());
    desk.reloader.reload(Cause::Changed).unwrap();
    assert_eq!(desk.written(), [4]);
    assert!(desk.allowed.lock().unwrap().contains(&"segment".to_owned()));
    assert!(!desk.reloader.changed(), "dealt with");
}

#[test]
fn a_plan_that_cannot_be_used_is_refused_and_its_mend_is_taken() {
    let mut desk = desk();
    for broken in ["", "revision = ", "\u{0}", &revised(4).replace("conversion = 0.", "conversion = 7.")] {
        desk.write(broken);
        assert!(desk.reloader.reload(Cause::Asked).is_err(), "{broken}");
    }
    std::fs::remove_file(desk.folder.path().join("plan.toml")).unwrap();
    assert!(desk.reloader.reload(Cause::Changed).unwrap_err().contains("cannot read"));
    assert_eq!(desk.written(), [] as [u32; 0]);
    desk.write(&revised(4));
    desk.reloader.reload(Cause::Asked).unwrap();
    assert_eq!(desk.written(), [4]);
}

#[test]
fn other_content_needs_a_higher_revision() {
    let mut desk = desk();
    desk.write(&PLAN.replace("false_alarms_per_year = 1.0", "false_alarms_per_year = 2.0"));
    assert!(desk.reloader.reload(Cause::Changed).unwrap_err().contains("raise `revision`"));
    desk.write(&revised(2));
    assert!(desk.reloader.reload(Cause::Asked).unwrap_err().contains("older"));
    assert_eq!(desk.written(), [] as [u32; 0]);
}

#[test]
fn a_plan_edited_before_the_start_is_written_when_somebody_asks_and_then_no_more() {
    let mut desk = desk();
    desk.reloader.reload(Cause::Changed).unwrap();
    assert_eq!(desk.written(), [] as [u32; 0], "nothing has changed since the start");
    desk.reloader.reload(Cause::Asked).unwrap();
    desk.reloader.reload(Cause::Asked).unwrap();
    assert_eq!(desk.written(), [3]);
}

#[test]
fn what_the_broker_did_not_take_is_tried_again() {
    let mut desk = desk();
    desk.write(&revised(4));
    *desk.away.lock().unwrap() = true;
    assert!(desk.reloader.reload(Cause::Asked).unwrap_err().contains("try again"));
    *desk.away.lock().unwrap() = false;
    desk.reloader.reload(Cause::Asked).unwrap();
    assert_eq!(desk.written(), [4]);
}
