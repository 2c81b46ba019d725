//! Inputs to log.

use std::collections::BTreeMap;
use std::time::Duration;

use plumbline_events::LogRecord;
use plumbline_tests::world::{World, eventually};

use crate::support::{host, host_after_kills, send_leads, world};

/// How often each event id stands in the log.
fn ids_in_log(world: &World) -> BTreeMap<String, u32> {
    let mut ids = BTreeMap::new();
    for record in world.log().unwrap() {
        if let LogRecord::Event(event) = record {
            let id = event.event.envelope.event_id.as_deref().unwrap_or("").to_owned();
            *ids.entry(id).or_default() += 1;
        }
    }
    ids
}

#[test]
fn each_input_is_in_the_log_once_though_intake_is_killed_again_and_again() {
    let Some(mut world) = world("intake-killed") else { return };
    world.config.intake.commit_messages = 500;
    send_leads(&world, 0..30_000);
    let dead = world.config.topics.spend[0].clone();
    for n in 0..300 {
        world.send(&dead, b"", format!("garbage {n}").as_bytes(), &[]).unwrap();
    }
    world.flush().unwrap();
    let host = host_after_kills(&world.config, "intake", 5);
    eventually("all inputs are in the log", 90, || Ok(ids_in_log(&world).len() >= 30_000)).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(host.stop().unwrap(), "it ends well when asked to");
    let ids = ids_in_log(&world);
    assert_eq!(ids.len(), 30_000);
    assert_eq!(ids.values().max(), Some(&1), "none twice");
    let letters = world.read(&world.config.topics.dead_letters).unwrap();
    let mut values: Vec<_> = letters.iter().map(|letter| letter.value.clone()).collect();
    values.sort();
    values.dedup();
    assert_eq!((letters.len(), values.len()), (300, 300), "each dead letter once");
}

#[test]
fn garbage_goes_to_the_dead_letters_with_its_reason_and_the_stream_goes_on() {
    let Some(world) = world("garbage") else { return };
    let topics = world.config.topics.clone();
    let big = vec![b'x'; 300 << 10];
    let crowd: Vec<String> = (0..1000).map(|n| format!(r#""a{n}":"v""#)).collect();
    let crowded = format!(
        r#"{{"type":"lead.created","occurred_at":"2026-03-02T09:15:00Z","lead_id":"L-1","attributes":{{{}}}}}"#,
        crowd.join(",")
    );
    let garbage: [(&str, &[u8]); 7] = [
        ("unreadable", b"\xff\xfe\x00random"),
        ("unreadable", b"{\"type\":\"lead.cre"),
        ("wrong_kind", br#"{"type":"lead.created","occurred_at":"2026-03-02T09:15:00Z","lead_id":["x"]}"#),
        ("future", br#"{"type":"lead.created","occurred_at":"2099-03-02T09:15:00Z","lead_id":"L-1"}"#),
        ("missing_id", br#"{"type":"lead.created","occurred_at":"2026-03-02T09:15:00Z"}"#),
        ("too_large", &big),
        ("too_many_attributes", crowded.as_bytes()),
    ];
    let inputs = [&topics.leads[0], &topics.opportunities[0], &topics.spend[0]];
    for input in inputs {
        for (_, value) in &garbage {
            world.send(input, b"key", value, &[("x-own", b"kept")]).unwrap();
        }
    }
    // A forged arrival is not believed, and the stream goes on behind the garbage.
    let forged = br#"{"event_id":"forged","type":"lead.created","occurred_at":"2026-03-02T09:15:00Z","received_at":"2099-01-01T00:00:00Z","lead_id":"L-9"}"#;
    world.send(inputs[0], b"", forged, &[]).unwrap();
    world.flush().unwrap();
    let host = host(&world.config, "intake");
    eventually("the last event is in the log", 60, || Ok(ids_in_log(&world).contains_key("forged"))).unwrap();
    eventually("all garbage is counted", 30, || Ok(host.report().rejected == 21)).unwrap();
    assert!(host.stop().unwrap());
    let letters = world.read(&topics.dead_letters).unwrap();
    assert_eq!(letters.len(), 21);
    for input in inputs {
        let mut classes: Vec<&str> = letters
            .iter()
            .filter(|letter| letter.header("plumbline.source.topic") == input)
            .map(|letter| letter.header("plumbline.error.class"))
            .collect();
        let mut expected: Vec<&str> = garbage.iter().map(|(class, _)| *class).collect();
        classes.sort_unstable();
        expected.sort_unstable();
        assert_eq!(classes, expected, "{input}");
    }
    for letter in &letters {
        assert_eq!(letter.key, b"key");
        assert_eq!(letter.header("x-own"), "kept");
        assert!(letter.value.len() <= 256 << 10);
        assert!(!letter.header("plumbline.error.message").is_empty());
        let offset: i64 = letter.header("plumbline.source.offset").parse().unwrap();
        assert!((0..=7).contains(&offset));
    }
    let cut = letters.iter().find(|l| l.header("plumbline.error.class") == "too_large").unwrap();
    assert_eq!(cut.header("plumbline.value.length"), "307200");
    for record in world.log().unwrap() {
        if let LogRecord::Event(event) = record {
            assert!(event.received_at.to_string().as_str() < "2099");
        }
    }
}

#[test]
fn every_log_partition_is_told_the_time_and_how_far_the_inputs_are_read() {
    let Some(world) = world("clock") else { return };
    send_leads(&world, 0..50);
    let host = host(&world.config, "intake");
    let at_end = || {
        let mut told = [false, false];
        for seen in world.read(&world.config.topics.log).unwrap() {
            if let Ok(LogRecord::Clock(clock)) =
                plumbline_events::decode_record(&seen.value).map(|record| record.to_owned())
            {
                let leads = &world.config.topics.leads[0];
                let read: i64 =
                    clock.inputs.iter().filter(|i| *i.topic == **leads).map(|i| i.next_offset).sum();
                // Three partitions of leads, two of opportunities, one each of spend and replay.
                told[seen.partition as usize] |=
                    clock.inputs.len() == 7 && read == 50 && clock.inputs.iter().all(|i| i.at_end);
            }
        }
        told
    };
    eventually("both partitions hear that all is read", 30, || Ok(at_end() == [true, true])).unwrap();
    assert!(host.stop().unwrap());
}

#[test]
fn a_second_instance_of_one_name_fences_the_first() {
    let Some(world) = world("zombie") else { return };
    send_leads(&world, 0..1_000);
    let mut first = host(&world.config, "intake");
    eventually("the first runs", 60, || Ok(first.report().ready)).unwrap();
    let second = host(&world.config, "intake");
    eventually("the first is fenced", 60, || Ok(!first.runs())).unwrap();
    assert!(!first.wait().unwrap(), "and says so");
    send_leads(&world, 1_000..2_000);
    eventually("the second goes on", 60, || Ok(ids_in_log(&world).len() == 2_000)).unwrap();
    assert!(second.stop().unwrap());
    assert_eq!(ids_in_log(&world).values().max(), Some(&1));
}
