use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_timestamp_reads_any_offset_and_prints_utc() {
    for (text, printed) in [
        ("2026-03-03T10:00:00+01:00", "2026-03-03T09:00:00Z"),
        ("2026-03-02T11:40:12.250Z", "2026-03-02T11:40:12.250Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(at(text).to_string(), printed);
    }
    for bad in ["", "2026-03-02", "2026-13-02T00:00:00Z", "9999-01-01T00:00:00Z", "1800-01-01T00:00:00Z"] {
        assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
    }
}

#[test]
fn times_and_days_print_as_chrono_prints_them() {
    for millis in (Timestamp::MIN.0..Timestamp::MAX.0).step_by(86_399_987_654) {
        let at = Timestamp(millis);
        let day = Day(millis.div_euclid(86_400_000) as i32);
        assert_eq!(
            at.to_string().trim_end_matches('Z'),
            at.datetime().format("%Y-%m-%dT%H:%M:%S%.f").to_string()
        );
        assert_eq!(day.to_string(), day.date().format("%Y-%m-%d").to_string());
    }
    for number in [i32::MIN, -800_000, 3_000_000, i32::MAX] {
        assert_eq!(Day(number).to_string(), Day(number).date().format("%Y-%m-%d").to_string());
    }
}

#[test]
fn days_are_cut_at_the_zones_midnight_on_both_sides_of_a_clock_change() {
    let berlin: Zone = "Europe/Berlin".parse().unwrap();
    for (instant, day, hour) in [
        ("2026-03-28T22:59:59Z", "2026-03-28", 23),
        ("2026-03-28T23:00:00Z", "2026-03-29", 0),
        ("2026-03-29T21:59:59Z", "2026-03-29", 23),
        ("2026-03-29T22:00:00Z", "2026-03-30", 0),
    ] {
        let (d, h) = berlin.day_and_hour(at(instant));
        assert_eq!((d.to_string().as_str(), h), (day, hour), "{instant}");
    }
    assert_eq!(berlin.start_of("2026-03-29".parse().unwrap()), at("2026-03-28T23:00:00Z"));
    assert_eq!(berlin.start_of("2026-03-30".parse().unwrap()), at("2026-03-29T22:00:00Z"));
}

#[test]
fn a_skipped_midnight_starts_the_day_at_its_first_instant() {
    // Beirut moves its clock from 00:00 to 01:00.
    let beirut: Zone = "Asia/Beirut".parse().unwrap();
    let day: Day = "2022-03-27".parse().unwrap();
    let start = beirut.start_of(day);
    assert_eq!(beirut.day_of(start), day);
    assert_eq!(beirut.day_of(Timestamp::clamped(start.millis() - 1)), day.plus(-1));
}

#[test]
fn weekdays_count_from_monday() {
    assert_eq!("1970-01-01".parse::<Day>().unwrap().weekday(), 3);
    assert_eq!("2026-11-22".parse::<Day>().unwrap().weekday(), 6);
    assert_eq!("2026-11-22".parse::<Day>().unwrap().week_start().to_string(), "2026-11-16");
    assert_eq!("2026-11-22".parse::<Day>().unwrap().month_start().to_string(), "2026-11-01");
    assert_eq!("1969-12-29".parse::<Day>().unwrap().weekday(), 0);
}

#[test]
fn an_instant_is_shown_to_the_minute() {
    let at: Timestamp = "2026-03-22T23:00:41Z".parse().unwrap();
    assert_eq!(at.to_minute(), "2026-03-22 23:00 UTC");
}
