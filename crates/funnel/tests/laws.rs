//! The law the fold stands on: cells are a pure function of the set of events.

#![allow(clippy::unwrap_used)]

mod support;

use plumbline_funnel::{Applied, Fold, FoldOptions};
use plumbline_units::{Seconds, Timestamp};
use proptest::prelude::*;
use support::history::{START, history, undoing};
use support::oracle::batch;
use support::{apply, folded, options, plain, plans};

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// The oracle shares no code with the fold.
    #[test]
    fn cells_equal_a_recomputation_from_the_whole_set(events in history(24)) {
        for plan in plans() {
            prop_assert_eq!(plain(folded(plan, &events).cells()), batch(plan, &events));
        }
    }

    #[test]
    fn order_and_repetition_do_not_matter(
        (events, shuffled) in history(30).prop_flat_map(|events| {
            let again = events.iter().take(events.len() / 3).cloned();
            let all: Vec<_> = events.iter().cloned().chain(again).collect();
            (Just(events), Just(all).prop_shuffle())
        }),
    ) {
        let plan = &plans()[1];
        prop_assert_eq!(plain(folded(plan, &shuffled).cells()), plain(folded(plan, &events).cells()));
    }

    #[test]
    fn what_was_said_before_changes_nothing(events in history(24), again in any::<prop::sample::Index>()) {
        let mut fold = folded(&plans()[0], &events);
        if !events.is_empty() {
            prop_assert_eq!(apply(&mut fold, again.get(&events), None), Applied::Unchanged);
        }
    }

    #[test]
    fn taking_everything_back_leaves_nothing(
        events in history(24).prop_flat_map(|events| {
            // Restored later than deleted would bring it back; all of these happened before.
            let all: Vec<_> = events.into_iter().chain(undoing()).collect();
            Just(all).prop_shuffle()
        }),
    ) {
        let fold = folded(&plans()[0], &events);
        prop_assert!(fold.cells().is_empty(), "{:?}", plain(fold.cells()));
        prop_assert_eq!(fold.counters().clamped_lags, 0);
    }

    #[test]
    fn a_loaded_fold_goes_on_like_the_one_saved(events in history(40), cut in any::<prop::sample::Index>()) {
        let plan = &plans()[0];
        let mut fold = folded(plan, &events[..cut.index(events.len() + 1)]);
        let mut bytes = Vec::new();
        fold.save(&mut bytes);
        let mut loaded = Fold::load(plan, &options(), &bytes).unwrap();
        let mut again = Vec::new();
        loaded.save(&mut again);
        prop_assert_eq!(&bytes, &again);
        for event in &events[cut.index(events.len() + 1)..] {
            prop_assert_eq!(apply(&mut fold, event, None), apply(&mut loaded, event, None));
        }
        prop_assert_eq!(plain(fold.cells()), plain(loaded.cells()));
        prop_assert_eq!(fold.take_dirty(), loaded.take_dirty());
        (bytes, again) = Default::default();
        fold.save(&mut bytes);
        loaded.save(&mut again);
        prop_assert_eq!(bytes, again);
    }

    #[test]
    fn only_keys_reported_dirty_have_moved(events in history(30), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(events.len() + 1);
        let mut fold = folded(&plans()[0], &events[..cut]);
        fold.take_dirty();
        let before = plain(fold.cells());
        for event in &events[cut..] {
            let _ = apply(&mut fold, event, None);
        }
        let after = plain(fold.cells());
        let dirty = fold.take_dirty();
        let cells = fold.cells();
        let reported = |leaf: &[String], day: i32| dirty.iter().any(|(id, on)| {
            on.number() == day && cells.leaf_values(*id).iter().map(|v| v.as_str()).eq(leaf.iter().map(|v| &**v))
        });
        for (key, sum) in before.iter().chain(&after) {
            let moved = before.get(key) != after.get(key);
            prop_assert!(!moved || reported(&key.0, key.2), "{key:?} {sum}");
        }
        prop_assert!(dirty.windows(2).all(|w| w[0] != w[1]));
    }

    /// When hours and event days are folded, and how often, does not matter either.
    #[test]
    fn the_watermarks_path_does_not_matter_while_nothing_is_forgotten(
        (events, shuffled) in history(24).prop_flat_map(|e| (Just(e.clone()), Just(e).prop_shuffle())),
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0i64..70), 0..4),
    ) {
        let plan = &plans()[0];
        // The horizon counts from the last watermark; nothing here is that old.
        let bounded = FoldOptions { horizon: Some(Seconds::days(70)), ..options() };
        let last = Timestamp::clamped(START + 69 * 86_400_000);
        let fold = |events: &[_], steps: &[(prop::sample::Index, i64)]| {
            let mut fold = Fold::new(plan, bounded.clone());
            for (n, event) in events.iter().enumerate() {
                for (_, day) in steps.iter().filter(|s| s.0.index(events.len()) == n) {
                    fold.advance(Timestamp::clamped(START + day * 86_400_000));
                }
                let _ = apply(&mut fold, event, None);
            }
            fold.advance(last);
            plain(fold.cells())
        };
        prop_assert_eq!(fold(&events, &[]), fold(&shuffled, &steps));
    }
}
