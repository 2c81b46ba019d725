//! Versions that take turns, and are killed in the middle of taking over.

use plumbline_engine::task::PositionError;

use crate::world::{Ended, PLAN, Version, World};
use crate::{DULL, GRAVE, KEEN, MORE, PLAIN, newer};

/// Two workspaces with several open episodes, of which the versions see much otherwise.
fn troubled() -> World {
    let mut world = World::new(&["w", "v"]);
    for (days, leads) in [(30, 24), (12, 14)] {
        for _ in 0..days {
            world.days("w", 1, leads, "smb");
            world.turn_back(1);
            world.days("v", 1, 2 * leads, "ent");
        }
    }
    world
}

#[test]
fn a_takeover_killed_at_any_moment_says_what_one_does_that_was_left_alone() {
    // Leads are worse than the older says, and a second target drifts that it does not know.
    let more: &str = MORE.trim_start_matches("±25%\"");
    let plan = format!("±10%\"\ncritical = \"±20%\"{more}");
    let reads: &'static [_] = Box::leak(Box::new([("±25%\"", &*plan.leak())]));
    let younger = Version { reads, ..newer(PLAIN) };
    let mut alone = troubled();
    alone.judged_by(&KEEN);
    let before = alone.alerts.len();
    alone.judged_by(&younger);
    assert!(alone.alerts.len() >= before + 2, "{}", alone.alerts.len() - before);
    alone.holds(&younger);
    for room in [1, 2] {
        for most in 0..8 {
            let mut world = troubled();
            world.judged_by(&KEEN);
            // Killed after so many transactions, again and again; at last left alone.
            for _ in 0..4 {
                world.live(&younger, room, most);
            }
            world.judged_by(&younger);
            assert_eq!(world.alerts, alone.alerts, "room {room}, killed after {most}");
            assert_eq!(world.dead_letters, alone.dead_letters);
            world.holds(&younger);
        }
    }
}

#[test]
fn an_older_version_is_kept_out_from_the_moment_the_log_is_taken_over() {
    let mut world = troubled();
    world.judged_by(&KEEN);
    // What the older could still say about these records would be in nobody's account.
    world.days("w", 8, 14, "smb");
    let before = (world.alerts.clone(), world.log.len());
    assert!(matches!(world.live(&newer(GRAVE), 100, 0), Ended::Killed));
    assert_eq!((world.alerts.len(), world.log.len()), (before.0.len(), before.1), "nothing was committed");
    assert!(matches!(world.live(&newer(GRAVE), 100, 1), Ended::Killed), "with the epoch it is taken over");
    let refused = world.live(&KEEN, 100, usize::MAX);
    let Ended::Refused(PositionError::Newer { log: 8, own: 7 }) = refused else { panic!("{refused:?}") };
    assert_eq!(world.alerts, before.0, "the older has said nothing more");
    world.judged_by(&newer(GRAVE));
    world.holds(&newer(GRAVE));
    assert!(matches!(world.live(&KEEN, 100, usize::MAX), Ended::Refused(_)));
}

#[test]
fn until_then_the_older_goes_on_and_is_believed() {
    let mut world = troubled();
    world.judged_by(&KEEN);
    assert!(matches!(world.live(&newer(DULL), 100, 0), Ended::Killed));
    world.days("w", 8, 14, "smb");
    world.judged_by(&KEEN);
    world.days("w", 1, 14, "smb");
    world.judged_by(&newer(DULL));
    world.holds(&newer(DULL));
}

#[test]
fn what_the_older_left_unsaid_is_said_where_it_concerns_the_records_themselves() {
    let mut world = troubled();
    world.judged_by(&KEEN);
    let told = world.alerts.len();
    // A deal in a currency without a rate, and a revision that cannot be read.
    let at = crate::world::hours(0);
    for n in 0..3 {
        world.event(&format!(
            r#"{{"type":"opportunity.won","workspace":"w","source":"crm","occurred_at":"{at}","opportunity_id":"O-{n}","lead_id":"L-{n}","amount":{{"value":"1","currency":"USD"}}}}"#
        ));
    }
    world.plan("w", "revision = 2");
    // The older says the first of them and dies.
    assert!(matches!(world.live(&KEEN, 1, 1), Ended::Killed));
    assert_eq!(world.dead_letters.len(), 1);
    for most in [1, 2, 3, usize::MAX] {
        world.live(&newer(PLAIN), 1, most);
    }
    assert_eq!(world.dead_letters.len(), 3, "{:?}", world.dead_letters);
    let notices = world.alerts[told..].iter().filter(|said| said.alert["state"] == "notice").count();
    assert_eq!(notices, 1);
    // A notice is no open episode: later versions do not hear of it.
    world.consumer();
    world.judged_by(&Version { number: 9, ..PLAIN });
    assert_eq!(world.alerts[told..].iter().filter(|said| said.alert["state"] == "notice").count(), 1);
}

#[test]
fn an_older_version_relieved_amid_its_first_backlog_is_believed_too() {
    for most in [1, 2, 3, 4] {
        let mut world = troubled();
        assert!(matches!(world.live(&KEEN, 1, most), Ended::Killed));
        let told = world.alerts.len();
        assert!(told > 0);
        for again in [1, 1, 2, usize::MAX] {
            world.live(&newer(GRAVE), 1, again);
        }
        world.judged_by(&newer(GRAVE));
        assert!(world.alerts.len() > told);
        world.holds(&newer(GRAVE));
        assert!(matches!(world.live(&KEEN, 100, usize::MAX), Ended::Refused(_)));
    }
}

#[test]
fn a_plan_that_comes_after_the_epoch_is_told_by_the_newer_alone() {
    let mut world = World::new(&["w"]);
    world.days("w", 30, 24, "smb");
    world.turn_back(30);
    world.days("late", 30, 24, "smb");
    world.turn_back(10);
    world.days("late", 10, 2, "smb");
    world.judged_by(&PLAIN);
    world.judged_by(&newer(KEEN));
    world.plan("late", PLAN);
    world.days("w", 3, 24, "smb");
    world.judged_by(&newer(KEEN));
    assert!(world.holds(&newer(KEEN)).contains_key("late/p/data/unrecorded/won"));
}

#[test]
fn a_standby_of_another_version_than_its_owner_still_owes_the_aggregates_as_it_counts_them() {
    let mut world = troubled();
    world.judged_by(&PLAIN);
    assert_eq!(world.owed_by_a_standby(&PLAIN), 0);
    assert!(world.owed_by_a_standby(&newer(PLAIN)) > 0);
}
