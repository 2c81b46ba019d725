//! What happens between the last word of the older version and the first of the newer.

use serde_json::{Value, json};

use crate::cases::{drifting, names_both_versions, of, words};
use crate::world::{Ended, PLAN, Version, World, hours};
use crate::{DULL, KEEN, LEADS, PLAIN, newer};

const DATA: &str = "p/data/unrecorded/won";

fn deal(world: &mut World, workspace: &str, number: u32) {
    // Its currency has no rate: it goes to the dead letters.
    let at = hours(0);
    world.event(&format!(
        r#"{{"type":"opportunity.won","workspace":"{workspace}","source":"crm","occurred_at":"{at}","opportunity_id":"O-{number}","lead_id":"L-{number}","amount":{{"value":"1","currency":"USD"}}}}"#
    ));
}

#[test]
fn what_people_acknowledge_while_nobody_judges_is_told_by_the_newer() {
    // It has found the drift by then, or finds it later.
    for (older, before, after) in [(PLAIN, 20, 1), (KEEN, 9, 11)] {
        let world = || {
            let mut world = drifting(before);
            world.judged_by(&older);
            for function in ["marketing", "sales"] {
                world.acknowledge("p/leads/", function);
            }
            world.acknowledge("p/leads/", "a stranger");
            world.acknowledge(DATA, "sales");
            world.days("w", after, 14, "smb");
            world
        };
        let mut alone = world();
        let told = alone.alerts.len();
        alone.judged_by(&newer(PLAIN));
        let said = of(&alone.alerts, LEADS);
        assert_eq!(words(&said), ["opened", "acknowledged", "acknowledged"]);
        assert_eq!(said[2]["state"], "acknowledged");
        assert!(said[2]["acknowledgements"][0]["at"].as_str() < said[2]["detected_at"].as_str());
        assert_eq!(words(&of(&alone.alerts[told..], "w/p/data/unrecorded/won")), ["acknowledged"]);
        alone.alerts[told..].iter().for_each(|said| names_both_versions(&said.alert));
        alone.holds(&newer(PLAIN));
        for most in 0..6 {
            let mut world = world();
            for _ in 0..3 {
                world.live(&newer(PLAIN), 1, most);
            }
            world.judged_by(&newer(PLAIN));
            assert_eq!(world.alerts, alone.alerts, "killed after {most}");
        }
    }
}

#[test]
fn a_newer_version_yet_does_not_tell_again_what_the_one_that_died_taking_over_has_told() {
    for most in 1..8 {
        let mut world = drifting(20);
        world.judged_by(&PLAIN);
        for function in ["marketing", "sales"] {
            world.acknowledge("p/leads/", function);
        }
        world.acknowledge(DATA, "sales");
        world.live(&newer(PLAIN), 1, most);
        let last = Version { number: 9, ..PLAIN };
        world.judged_by(&last);
        assert_eq!(words(&of(&world.alerts, LEADS)), ["opened", "acknowledged", "acknowledged"], "{most}");
        world.holds(&last);
    }
}

#[test]
fn a_word_on_an_alert_that_is_over_is_none_on_the_next() {
    // The older takes the second revision for a promise that is kept, the newer for the same as before.
    let older = Version { number: 7, reads: &[("24/day\" # r2", "14/day\"")] };
    let mut world = drifting(20);
    world.judged_by(&older);
    world.acknowledge("p/leads/", "sales");
    world.days("w", 1, 14, "smb");
    let revised = |n: i64, text: &str| {
        PLAN.replace("revision = 1", &format!("revision = {n}")).replace("24/day\"", text)
    };
    world.plan("w", &revised(2, "24/day\" # r2"));
    world.days("w", 1, 14, "smb");
    world.plan("w", &revised(3, "24/day\""));
    world.days("w", 20, 14, "smb");
    world.judged_by(&older);
    assert_eq!(words(&of(&world.alerts, LEADS)), ["opened", "acknowledged", "resolved retracted", "opened"]);
    let told = world.alerts.len();
    world.judged_by(&newer(PLAIN));
    assert_eq!(world.alerts.len(), told);
    assert!(world.holds(&newer(PLAIN))[LEADS].get("acknowledgements").is_none());
}

#[test]
fn an_episode_that_recovers_while_nobody_judges_is_told_as_recovered() {
    let mut world = drifting(20);
    world.judged_by(&PLAIN);
    let before = world.consumer()[LEADS].clone();
    world.days("w", 30, 24, "smb");
    world.judged_by(&newer(PLAIN));
    let said = of(&world.alerts, LEADS);
    assert_eq!(words(&said), ["opened", "resolved recovered"]);
    assert_eq!(said[1]["alert_id"], before["alert_id"]);
    assert!(!said[1]["summary"].as_str().unwrap().contains("Version"), "{}", said[1]);
    names_both_versions(said[1]);
    world.holds(&newer(PLAIN));
}

#[test]
fn an_episode_that_the_newer_had_ended_before_the_older_left_is_withdrawn_all_the_same() {
    // Long over by its own account, the newer holds nothing of what the older opened anew.
    let older = Version { number: 7, reads: &[("24/day\" # r2", "40/day\"")] };
    let mut world = drifting(20);
    world.days("w", 30, 24, "smb");
    let revised = PLAN.replace("revision = 1", "revision = 2").replace("24/day\"", "24/day\" # r2");
    world.plan("w", &revised);
    world.days("w", 20, 24, "smb");
    world.judged_by(&older);
    assert!(world.consumer().contains_key(LEADS));
    world.judged_by(&newer(PLAIN));
    let last = of(&world.alerts, LEADS).last().copied().unwrap();
    assert_eq!(words(&[last]), ["resolved recomputed"]);
    world.holds(&newer(PLAIN));
}

#[test]
fn an_episode_held_on_the_other_side_of_the_plan_ends_and_another_opens() {
    let older = Version { number: 7, reads: &[("24/day", "9/day")] };
    let mut world = drifting(20);
    world.judged_by(&older);
    let above = world.consumer()[LEADS].clone();
    assert!(above["drift"]["relative"].as_f64().unwrap() > 0.0);
    world.judged_by(&newer(PLAIN));
    let said = of(&world.alerts, LEADS);
    assert_eq!(words(&said), ["opened", "resolved recomputed", "opened"]);
    assert_eq!((&said[1]["alert_id"], &said[1]["title"]), (&above["alert_id"], &above["title"]));
    assert_ne!(said[2]["alert_id"], above["alert_id"]);
    world.holds(&newer(PLAIN));
}

#[test]
fn what_concerns_the_records_themselves_is_said_before_the_log_is_taken_over() {
    let mut world = drifting(20);
    world.judged_by(&PLAIN);
    (0..6).for_each(|number| deal(&mut world, "w", number));
    let length = world.log.len();
    for said in 1..=5 {
        assert!(matches!(world.live(&newer(PLAIN), 1, 1), Ended::Killed));
        assert_eq!((world.dead_letters.len(), world.log.len()), (said, length), "no epoch yet");
    }
    assert!(matches!(world.live(&PLAIN, 1, 1), Ended::Refused(_)), "it would say them again");
    world.judged_by(&newer(PLAIN));
    let at: Vec<i64> = (length as i64 - 6..length as i64).collect();
    assert_eq!(world.dead_letters, at);
    world.holds(&newer(PLAIN));
}

#[test]
fn a_record_that_the_older_has_told_of_in_part_is_gone_on_with_by_what_both_say_of_it() {
    // A plan that comes late: its record causes alerts, of which the newer has fewer, and dead letters between them.
    let seen = |cut: usize, again: usize| {
        let mut world = World::new(&["w"]);
        world.days("late", 30, 24, "smb");
        world.days("late", 9, 14, "smb");
        (0..3).for_each(|number| deal(&mut world, "late", number));
        world.days("late", 3, 14, "smb");
        world.judged_by(&KEEN);
        world.plan("late", PLAN);
        world.live(&KEEN, 1, cut);
        let by_older = world.dead_letters.len();
        for _ in 0..2 {
            world.live(&newer(DULL), 1, again);
        }
        world.judged_by(&newer(DULL));
        world.holds(&newer(DULL));
        (by_older, world.dead_letters.len())
    };
    let mut cuts = Vec::new();
    for cut in 0..8 {
        for again in 0..3 {
            let (by_older, all) = seen(cut, again);
            assert_eq!(all, 3, "cut after {cut}, where {by_older} were out, and again after {again}");
            cuts.push(by_older);
        }
    }
    assert!(cuts.contains(&1) && cuts.contains(&2), "{cuts:?}");
}

#[test]
fn a_retried_word_is_told_once() {
    let mut world = drifting(20);
    world.judged_by(&PLAIN);
    world.acknowledge("p/leads/", "sales");
    let word = world.log.last().unwrap().clone();
    world.log.push(word);
    world.judged_by(&newer(PLAIN));
    let said = of(&world.alerts, LEADS);
    assert_eq!(words(&said), ["opened", "acknowledged"]);
    let known: Vec<&Value> = said[1]["acknowledgements"].as_array().unwrap().iter().collect();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0]["function"], json!("sales"));
}
