//! What becomes of an episode that the two versions see otherwise.

use serde_json::{Value, json};

use crate::world::{Ended, Said, Version, World};
use crate::{DULL, GRAVE, KEEN, LEADS, MORE, PLAIN, newer};

/// Thirty good days, then so many bad ones.
pub(crate) fn drifting(days: i64) -> World {
    let mut world = World::new(&["w"]);
    world.days("w", 30, 24, "smb");
    world.days("w", days, 14, "smb");
    world
}

pub(crate) fn of<'a>(said: &'a [Said], episode: &str) -> Vec<&'a Value> {
    let of = |alert: &&Value| {
        format!("{}/{}", alert["workspace"].as_str().unwrap(), alert["episode"].as_str().unwrap()) == episode
    };
    said.iter().map(|said| &said.alert).filter(of).collect()
}

pub(crate) fn words(said: &[&Value]) -> Vec<String> {
    let word = |alert: &&Value| match alert["resolution"].as_str() {
        Some(resolution) => format!("{} {resolution}", alert["transition"].as_str().unwrap()),
        None => alert["transition"].as_str().unwrap().to_owned(),
    };
    said.iter().map(word).collect()
}

pub(crate) fn names_both_versions(alert: &Value) {
    let revision = json!({ "field": "state_machine", "from": "7", "to": "8", "cause": "version" });
    assert_eq!(alert["revision"], revision, "{alert}");
}

#[test]
fn an_episode_that_both_hold_goes_on_under_its_id_whenever_each_found_it() {
    let one_id = |older: Version, younger: Version, at_once: &[&str]| {
        let mut world = drifting(20);
        world.judged_by(&older);
        let before = world.consumer()[LEADS].clone();
        let told = world.alerts.len();
        world.judged_by(&newer(younger));
        assert_eq!(words(&of(&world.alerts[told..], LEADS)), at_once);
        world.alerts[told..].iter().for_each(|said| names_both_versions(&said.alert));
        assert_eq!(world.holds(&newer(younger))[LEADS]["alert_id"], before["alert_id"]);
        // Good days: it recovers under the same id.
        world.days("w", 30, 24, "smb");
        world.judged_by(&newer(younger));
        assert!(!world.holds(&newer(younger)).contains_key(LEADS));
        let last = of(&world.alerts, LEADS).last().copied().unwrap();
        assert_eq!((&last["alert_id"], &last["resolution"]), (&before["alert_id"], &json!("recovered")));
    };
    one_id(PLAIN, PLAIN, &[]);
    one_id(PLAIN, KEEN, &[]);
    one_id(KEEN, PLAIN, &[]);
    one_id(PLAIN, GRAVE, &["escalated"]);
    one_id(GRAVE, PLAIN, &["deescalated"]);
}

#[test]
fn an_episode_that_the_newer_does_not_hold_is_withdrawn_and_says_why() {
    let mut world = drifting(20);
    world.judged_by(&PLAIN);
    let before = world.consumer()[LEADS].clone();
    world.judged_by(&newer(DULL));
    assert!(!world.holds(&newer(DULL)).contains_key(LEADS));
    let last = of(&world.alerts, LEADS).last().copied().unwrap();
    assert_eq!(words(&[last]), ["resolved recomputed"]);
    assert_eq!((&last["alert_id"], &last["title"]), (&before["alert_id"], &before["title"]));
    names_both_versions(last);
    assert!(last["summary"].as_str().unwrap().contains("Version 8"), "{last}");
}

#[test]
fn an_episode_that_the_newer_finds_after_the_epoch_only_is_withdrawn_and_opened_then() {
    let mut world = drifting(9);
    world.judged_by(&KEEN);
    world.judged_by(&newer(PLAIN));
    world.days("w", 11, 14, "smb");
    world.judged_by(&newer(PLAIN));
    assert_eq!(words(&of(&world.alerts, LEADS)), ["opened", "resolved recomputed", "opened"]);
    assert!(world.holds(&newer(PLAIN)).contains_key(LEADS));
}

#[test]
fn an_episode_that_the_older_did_not_see_opens_once_as_of_the_epoch() {
    let mut world = drifting(20);
    world.judged_by(&DULL);
    let told = world.alerts.len();
    world.judged_by(&newer(PLAIN));
    let [said] = &world.alerts[told..] else { panic!("{:?}", &world.alerts[told..]) };
    let (_, engine) = world.plain(&newer(PLAIN));
    assert_eq!(words(&[&said.alert]), ["opened"]);
    assert_eq!(said.alert["detected_at"], engine.now().unwrap().to_string(), "not back-dated");
    names_both_versions(&said.alert);
    assert!(world.holds(&newer(PLAIN)).contains_key(LEADS));
}

#[test]
fn an_episode_that_the_older_has_ended_opens_under_a_new_id() {
    // The older takes the revision for a promise that is kept, the newer for the same as before.
    let older = Version { number: 7, reads: &[("24/day\" # r2", "14/day\"")] };
    let mut world = drifting(20);
    let revised =
        crate::world::PLAN.replace("revision = 1", "revision = 2").replace("24/day\"", "24/day\" # r2");
    world.plan("w", &revised);
    world.days("w", 3, 14, "smb");
    world.judged_by(&older);
    assert_eq!(words(&of(&world.alerts, LEADS)), ["opened", "resolved retracted"]);
    world.judged_by(&newer(PLAIN));
    let said = of(&world.alerts, LEADS);
    assert_eq!(words(&said), ["opened", "resolved retracted", "opened"]);
    assert_ne!(said[2]["alert_id"], said[0]["alert_id"]);
    assert!(world.holds(&newer(PLAIN)).contains_key(LEADS));
}

#[test]
fn what_people_have_acknowledged_stays_so() {
    let data = "p/data/unrecorded/won";
    let mut world = drifting(9);
    // The newer finds the drift only later: its own episode never heard this.
    for function in ["marketing", "sales"] {
        world.acknowledge("p/leads/", function);
    }
    world.acknowledge(data, "sales");
    world.days("w", 11, 14, "smb");
    world.judged_by(&KEEN);
    assert_eq!(world.consumer()[LEADS]["state"], "acknowledged");
    let before = world.alerts.len();
    world.judged_by(&newer(PLAIN));
    assert_eq!(world.alerts.len(), before, "nothing new");
    world.holds(&newer(PLAIN));
    let (_, engine) = world.plain(&newer(PLAIN));
    let workspace = engine.workspace("w").unwrap();
    let mut held = workspace.judge().episodes().values();
    assert_eq!(held.next().unwrap().state.word(), "acknowledged");
    assert!(workspace.data_episodes().find(|e| e.key == data).unwrap().acknowledged());
    world.days("w", 30, 24, "smb");
    world.judged_by(&newer(PLAIN));
    let last = of(&world.alerts, LEADS).last().copied().unwrap();
    assert_eq!(last["acknowledgements"].as_array().unwrap().len(), 2, "{last}");
}

#[test]
fn data_episodes_are_handed_over_likewise() {
    let declares = Version { number: 7, reads: &[("[\"smb\"]", "[\"ent\"]")] };
    // Somebody counts on the stage that nobody records: the silence is critical.
    const COUNTS: &str = "±25%\"\n[[target]]\nname = \"won\"\nmetric = \"conversion\"\nfrom = \"lead\"\nto = \"won\"\nwarn = \"-10%\"";
    let counts = Version { number: 7, reads: &[("±25%\"", COUNTS)] };
    let vanished = "w/p/data/vanished-value/segment=smb";
    let unrecorded = "w/p/data/unrecorded/won";
    let world = || {
        let mut world = World::new(&["w"]);
        world.days("w", 30, 24, "smb");
        world.days("w", 10, 24, "ent");
        world
    };
    for (older, younger, episode, said) in [
        (declares, PLAIN, vanished, ["opened"].as_slice()),
        (PLAIN, declares, vanished, &["opened", "resolved recomputed"]),
        (PLAIN, PLAIN, vanished, &["opened"]),
        (PLAIN, counts, unrecorded, &["opened", "escalated"]),
        (counts, PLAIN, unrecorded, &["opened", "deescalated"]),
    ] {
        let mut world = world();
        world.judged_by(&older);
        world.judged_by(&newer(younger));
        let found = of(&world.alerts, episode);
        assert_eq!(words(&found), said, "{:?}", world.consumer().keys());
        assert!(found.iter().all(|alert| alert["alert_id"] == found[0]["alert_id"]));
        world.holds(&newer(younger));
    }
}

const PATTERN: &str = r#"±25%"
[[target]]
name = "more"
metric = "volume"
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
stage = "lead"
value = "26/day"
warn = "±25%"
[[pattern]]
name = "drought"
all = ["leads below", "more below"]
severity = "critical"
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
action = "look""#;

#[test]
fn a_pattern_that_one_version_knows_takes_its_members_place_or_gives_it_back() {
    let members = Version { number: 7, reads: &[("±25%\"", MORE)] };
    let pattern = Version { number: 7, reads: &[("±25%\"", PATTERN)] };
    let open = |world: &World| -> Vec<String> {
        world.consumer().into_keys().filter(|key| !key.contains("/data/")).collect()
    };
    let (both, whole) = (["w/p/leads/", "w/p/more/"], ["w/p/drought/"]);
    for (older, first, younger, then) in
        [(members, both.as_slice(), pattern, whole.as_slice()), (pattern, &whole, members, &both)]
    {
        let mut world = drifting(25);
        world.judged_by(&older);
        assert_eq!(open(&world), first);
        world.judged_by(&newer(younger));
        assert_eq!(open(&world), then);
        world.days("w", 5, 14, "smb");
        world.judged_by(&newer(younger));
        world.holds(&newer(younger));
    }
}

#[test]
fn every_workspace_of_the_partition_is_handed_over_one_that_the_newer_cannot_read_too() {
    let mut world = World::new(&["w", "v"]);
    world.plan("u", &crate::world::PLAN.replace("plan = \"p\"", "plan = \"q\""));
    for (days, leads) in [(30, 24), (20, 14)] {
        for _ in 0..days {
            world.days("w", 1, leads, "smb");
            world.turn_back(1);
            world.days("v", 1, 24, "smb");
            world.turn_back(1);
            world.days("u", 1, leads, "smb");
        }
    }
    world.judged_by(&PLAIN);
    let before = world.consumer();
    assert!(
        before.contains_key(LEADS) && before.contains_key("u/q/leads/") && !before.contains_key("v/p/leads/")
    );
    let blind = Version { number: 8, reads: &[("plan = \"q\"", "plan = "), ("±25%", "±12%")] };
    world.judged_by(&blind);
    let open = world.holds(&blind);
    assert_eq!(open[LEADS]["alert_id"], before[LEADS]["alert_id"]);
    assert!(!open.keys().any(|key| key.starts_with("u/")), "{:?}", open.keys());
    assert_eq!(words(&of(&world.alerts, "u/q/leads/")), ["opened", "resolved recomputed"]);
}

#[test]
fn alerts_of_another_shape_are_neither_orphaned_nor_repeated() {
    for (younger, after) in [(PLAIN, ["opened"].as_slice()), (DULL, &["opened", "resolved recomputed"])] {
        let mut world = drifting(20);
        world.judged_by(&PLAIN);
        for said in &mut world.alerts {
            let alert = said.alert.as_object_mut().unwrap();
            for field in ["why", "owners", "cost", "evidence", "summary", "related", "acknowledgements"] {
                alert.remove(field);
            }
            alert.insert("so_far".into(), "in other words".into());
            let relative = alert["drift"].get("relative").cloned();
            alert.insert("drift".into(), json!({ "of": 7, "relative": relative }));
        }
        world.judged_by(&newer(younger));
        assert_eq!(words(&of(&world.alerts, LEADS)), after);
        world.holds(&newer(younger));
    }
}

#[test]
fn a_word_that_this_version_does_not_know_is_told_in_its_own() {
    let mut world = drifting(20);
    world.judged_by(&PLAIN);
    for said in &mut world.alerts {
        said.alert["severity"] = "notable".into();
        said.alert["acknowledgements"] = json!([{ "function": "sales" }, { "function": "marketing" }]);
    }
    world.judged_by(&newer(PLAIN));
    let said = of(&world.alerts, LEADS);
    assert_eq!(words(&said), ["opened", "revised"]);
    assert_eq!((&said[1]["severity"], &said[1]["state"]), (&json!("warning"), &json!("acknowledged")));
    world.holds(&newer(PLAIN));
}

#[test]
fn an_alert_without_a_name_or_number_goes_to_the_dead_letters() {
    let mut world = drifting(20);
    world.judged_by(&PLAIN);
    let told = world.alerts.len();
    for said in &mut world.alerts {
        said.alert.as_object_mut().unwrap().remove("alert_id");
    }
    assert!(world.dead_letters.is_empty());
    world.judged_by(&newer(DULL));
    assert_eq!(world.dead_letters, vec![world.epoch(&newer(DULL)); told]);
}

#[test]
fn versions_that_follow_one_another_agree_with_what_the_last_has_published() {
    let mut world = drifting(20);
    let versions = [KEEN, PLAIN, DULL, GRAVE, GRAVE, KEEN].into_iter().zip(7..);
    for (version, number) in versions {
        let version = Version { number, ..version };
        world.judged_by(&version);
        world.holds(&version);
        world.days("w", 1, 14, "smb");
        assert!(matches!(world.live(&version, 3, usize::MAX), Ended::AtEnd));
        world.holds(&version);
    }
    let said = words(&of(&world.alerts, LEADS));
    assert_eq!(said, ["opened", "resolved recomputed", "opened", "deescalated"]);
}
