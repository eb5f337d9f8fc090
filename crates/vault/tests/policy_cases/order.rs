//! "Not weaker" is an order, and keeps its promise: simulated over a year, nothing is lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::collection;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use vault::keeping::{Arrival, Group};
use vault::policy::{PolicyBody, Verdict, compare};

use super::spec::{Change, Reading, Runs, Spec, change, hours_change, spec, year};

fn body(spec: &Spec) -> PolicyBody {
    PolicyBody::parse(&spec.json()).unwrap_or_else(|error| panic!("{error:?}: {}", spec.json()))
}

fn not_weaker(before: &PolicyBody, after: &PolicyBody) -> bool {
    compare(before, after) == Verdict::NotWeaker
}

/// What the promise is: of every day at least as many backups, each kept at least as long, so that at no later day
/// fewer are there; no longer gap; and what is there already is kept at least as long, should somebody apply the new
/// policy to it.
fn check_promise(before: &Spec, after: &Spec) -> Result<(), TestCaseError> {
    for date in year() {
        let (hours, hours_after) = (before.hours(date), after.hours(date));
        for reading in [Reading::Strict, Reading::Lenient] {
            let (old, new) =
                (before.kept_of(date, &hours, reading), after.kept_of(date, &hours_after, reading));
            let kept = old.len() <= new.len() && old.iter().zip(&new).all(|(old, new)| old <= new);
            prop_assert!(kept, "{date}, {reading:?}: {old:?} became {new:?}\n{before:?}\n{after:?}");
        }
        let (old, new) = (before.kept(date, 0, Reading::Lenient), after.kept(date, 0, Reading::Lenient));
        prop_assert!(old <= new, "{date} was kept {old} days, now {new}\n{before:?}\n{after:?}");
    }
    let (old, new) = (before.longest_gap(), after.longest_gap());
    prop_assert!(new <= old, "the gap grows from {old} to {new} hours\n{before:?}\n{after:?}");
    Ok(())
}

/// Pairs that are close to each other, so that many are not weaker; pairs that only differ in which backups of a day
/// their tiers keep; and any two.
fn pair() -> impl Strategy<Value = (Spec, Spec)> {
    let near = (spec(), collection::vec(change(), 1..4)).prop_map(|(before, changes)| {
        let after = changes.iter().fold(before.clone(), |spec: Spec, change| spec.changed(change));
        (before, after)
    });
    let hours = || collection::vec(hours_change(), 4);
    let runs = prop_oneof![Just(None), Just(Some(Runs::WithRetention))];
    let same_days = (spec(), runs, hours(), hours()).prop_map(|(spec, runs, before, after)| {
        let spec = runs.into_iter().fold(spec, |spec, runs| spec.changed(&Change::Runs(runs)));
        let with =
            |changes: Vec<Change>| changes.iter().fold(spec.clone(), |spec, change| spec.changed(change));
        (with(before), with(after))
    });
    prop_oneof![6 => near, 3 => same_days, 1 => (spec(), spec())]
}

/// How many random pairs were not weaker, so that the test cannot pass by finding everything weaker.
static NOT_WEAKER: AtomicUsize = AtomicUsize::new(0);
static PAIRS: AtomicUsize = AtomicUsize::new(0);

/// Whatever arrives, on days that a tier selects and on others, is kept for at least as long.
fn check_retention(before: &PolicyBody, after: &PolicyBody) -> Result<(), TestCaseError> {
    for date in year().step_by(5) {
        let at = date.at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let group = Group::default();
        let [before, after] = [before, after].map(|body| body.kept(&Arrival::new(at, &group)));
        prop_assert!(before <= after, "{date}: {before:?} {after:?}");
    }
    Ok(())
}

#[test]
fn whatever_is_not_weaker_keeps_at_least_as_much() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&pair(), |(before, after)| {
        PAIRS.fetch_add(1, Ordering::Relaxed);
        if not_weaker(&body(&before), &body(&after)) {
            NOT_WEAKER.fetch_add(1, Ordering::Relaxed);
            check_promise(&before, &after)?;
            check_retention(&body(&before), &body(&after))?;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let (free, all) = (NOT_WEAKER.load(Ordering::Relaxed), PAIRS.load(Ordering::Relaxed));
    assert!(free * 10 > all, "only {free} of {all} pairs were not weaker");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_order_is_reflexive(spec in spec()) {
        prop_assert!(not_weaker(&body(&spec), &body(&spec)));
    }

    #[test]
    fn the_order_is_transitive(
        first in spec(),
        changes in collection::vec(change(), 1..3),
        more in collection::vec(change(), 1..3),
    ) {
        let second = changes.iter().fold(first.clone(), |spec, change| spec.changed(change));
        let third = more.iter().fold(second.clone(), |spec, change| spec.changed(change));
        let [one, two, three] = [&first, &second, &third].map(body);
        for (one, two, three) in [(&one, &two, &three), (&three, &two, &one), (&two, &one, &three)] {
            if not_weaker(one, two) && not_weaker(two, three) {
                prop_assert!(not_weaker(one, three), "{first:?}\n{second:?}\n{third:?}");
            }
        }
    }

    #[test]
    fn days_kept_is_what_the_simulator_keeps(spec in spec()) {
        let body = body(&spec);
        for date in year().step_by(3) {
            let kept = spec.kept(date, 0, Reading::Lenient);
            prop_assert_eq!(i64::from(body.days_kept(date)), kept);
        }
    }
}

/// Every triple of a small world: what random triples might miss.
#[test]
fn the_order_is_transitive_in_a_small_world() {
    let mut world: Vec<Spec> = Vec::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    while world.len() < 150 {
        let drawn = spec().new_tree(&mut runner).unwrap().current();
        let changes = [change(), change()].map(|change| change.new_tree(&mut runner).unwrap().current());
        world.push(drawn.changed(&changes[0]));
        world.push(drawn.changed(&changes[1]));
        world.push(drawn);
    }
    let bodies: Vec<PolicyBody> = world.iter().map(body).collect();
    let order: Vec<Vec<bool>> =
        bodies.iter().map(|before| bodies.iter().map(|after| not_weaker(before, after)).collect()).collect();
    let mut steps = 0;
    for (one, row) in order.iter().enumerate() {
        for (two, _) in row.iter().enumerate().filter(|(two, free)| **free && *two != one) {
            steps += 1;
            for (three, _) in order[two].iter().enumerate().filter(|(_, free)| **free) {
                assert!(row[three], "{:?}\n{:?}\n{:?}", world[one], world[two], world[three]);
            }
        }
    }
    assert!(steps > 50, "only {steps} pairs compare");
}

/// Logs run round the clock, so that days do not count: no moment may be further from the last log.
#[test]
fn logs_that_are_not_weaker_never_lag_behind() {
    let policy = |minutes: u32| {
        let built_in = vault::policy::built_in().into_iter().find(|(name, _)| *name == "HourlyLogBackup");
        let mut policy = built_in.unwrap().1;
        policy["subProtectionPolicy"][1]["schedulePolicy"]["scheduleFrequencyInMins"] = minutes.into();
        PolicyBody::parse(&policy).unwrap()
    };
    let longest_lag = |minutes: u32| (0..5000).map(|now| now % minutes).max();
    for before in [15, 30, 45, 60, 90, 1440] {
        for after in [15, 30, 45, 60, 90, 1440] {
            let lags = longest_lag(after) > longest_lag(before);
            assert_eq!(not_weaker(&policy(before), &policy(after)), !lags, "{before} to {after} minutes");
        }
    }
}

/// The simulator itself: it must see what is lost.
#[test]
fn the_simulator_sees_losses() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = 0;
    for _ in 0..200 {
        let before = spec().new_tree(&mut runner).unwrap().current();
        let mut after = before.clone();
        if let Runs::Simple { days, hours, weeks, .. } = &mut after.runs {
            *days = vec![jiff::civil::Weekday::Tuesday];
            hours.truncate(1);
            *weeks = 4;
            seen += 1;
            assert!(check_promise(&before, &after).is_err(), "{before:?}");
        }
    }
    assert!(seen > 50);
}
