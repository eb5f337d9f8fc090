//! The purge rule against a model that goes by its words: every point is asked about every object.
#![cfg(test)]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use vault::purge_rule::{Deleted, Instant, Lifetime, Needs, ObjectKind, capture_window};

const KINDS: [ObjectKind; 4] =
    [ObjectKind::Config, ObjectKind::Key, ObjectKind::Snapshot, ObjectKind::Content];

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * 3600).unwrap()
}

fn window() -> SignedDuration {
    SignedDuration::from_hours(48)
}

/// The rule's words, one by one (`repository-rules` 3.3).
fn is_pinned(point: Instant, kind: ObjectKind, object: &Lifetime) -> bool {
    let Some(deleted) = object.deleted else {
        return object.created <= point.sequence;
    };
    let alive = deleted.sequence > point.sequence;
    let raced = deleted.at + window() >= point.at;
    object.created <= point.sequence
        && match kind {
            ObjectKind::Key | ObjectKind::Content => alive || raced,
            ObjectKind::Snapshot | ObjectKind::Config => alive,
        }
}

fn needed(points: &[Instant], kind: ObjectKind, object: &Lifetime) -> bool {
    match kind {
        ObjectKind::Config => true,
        ObjectKind::Key => !points.is_empty(),
        ObjectKind::Snapshot | ObjectKind::Content => {
            points.iter().any(|point| is_pinned(*point, kind, object))
        }
    }
}

/// What happens to a repository, by number of commit; the hours may go backwards, as clocks do.
fn history() -> impl Strategy<Value = (Vec<Instant>, Vec<Lifetime>)> {
    let hour = -30_i64..400;
    let point = (0_u64..60, hour.clone()).prop_map(|(sequence, hour)| Instant { sequence, at: at(hour) });
    let death = (0_u64..60, hour).prop_map(|(after, hour)| (after, at(hour)));
    let object = (0_u64..60, proptest::option::of(death)).prop_map(|(created, death)| Lifetime {
        created,
        deleted: death.map(|(after, at)| Deleted { sequence: created + after + 1, at }),
    });
    (prop::collection::vec(point, 0..12), prop::collection::vec(object, 1..30))
}

#[test]
fn a_point_that_may_need_anything_needs_everything() {
    let needs = Needs::everything(window());
    for kind in KINDS {
        let lifetime = Lifetime { created: 1, deleted: Some(Deleted { sequence: 2, at: at(0) }) };
        assert!(needs.include(kind, &lifetime) && !needs.may_purge(kind, &lifetime, at(100_000)));
    }
}

proptest! {
    #[test]
    fn the_search_finds_what_asking_each_point_finds((points, objects) in history(), hour in 0_i64..600) {
        let needs = Needs::of(points.iter().copied(), window());
        for object in &objects {
            for kind in KINDS {
                let needed = needed(&points, kind, object);
                prop_assert!(!needed || needs.include(kind, object), "{kind:?} {object:?} {points:?}");
                // With times that go up with the sequence, it finds nothing else either.
                if points.iter().all(|a| points.iter().all(|b| (a.sequence < b.sequence) <= (a.at <= b.at))) {
                    prop_assert_eq!(needs.include(kind, object), needed);
                }
                let long_ago = object.deleted.is_some_and(|deleted| deleted.at + window() + SignedDuration::from_hours(1) < at(hour));
                prop_assert_eq!(needs.may_purge(kind, object, at(hour)), long_ago && !needs.include(kind, object));
            }
            for point in &points {
                for kind in KINDS {
                    prop_assert_eq!(point.sees(kind, object, window()), is_pinned(*point, kind, object));
                }
            }
        }
    }

    /// What comes later changes nothing: with any history behind a point, what it sees stays needed.
    #[test]
    fn nothing_that_comes_later_takes_anything_from_a_point((points, objects) in history(), later in history()) {
        let before = Needs::of(points.iter().copied(), window());
        let after = Needs::of(points.iter().chain(&later.0).copied(), window());
        for object in &objects {
            for kind in KINDS {
                prop_assert!(!before.include(kind, object) || after.include(kind, object));
                // Deleted after every point and long after the window, or not deleted: the same is needed.
                let last = points.iter().map(|point| point.sequence).max().unwrap_or_default();
                let attacked = Lifetime {
                    deleted: object.deleted.or(Some(Deleted { sequence: last.max(object.created) + 1, at: at(400) })),
                    ..*object
                };
                prop_assert_eq!(before.include(kind, object), before.include(kind, &attacked));
            }
        }
    }
}

#[test]
fn a_window_is_a_day_at_the_least() {
    assert_eq!(capture_window(14), SignedDuration::from_hours(14 * 24));
    assert_eq!(capture_window(0), SignedDuration::from_hours(24));
    assert_eq!(capture_window(u32::MAX).as_hours(), i64::from(u32::MAX) * 24);
}

#[test]
fn at_the_second() {
    let point = Instant { sequence: 10, at: at(100) };
    let needs = Needs::of([point], window());
    let second = SignedDuration::from_secs(1);
    let deleted = |sequence, at| Lifetime { created: 5, deleted: Some(Deleted { sequence, at }) };
    for (what, object, needed) in [
        ("alive", Lifetime { created: 5, deleted: None }, true),
        ("born with it", Lifetime { created: 10, deleted: None }, true),
        ("born later", Lifetime { created: 11, deleted: None }, false),
        ("deleted later", deleted(11, at(0)), true),
        ("deleted a window before", deleted(9, at(100) - window()), true),
        ("deleted a second earlier", deleted(9, at(100) - window() - second), false),
    ] {
        assert_eq!(needs.include(ObjectKind::Content, &object), needed, "{what}");
    }
    let dead = deleted(9, at(0));
    let free = at(0) + window() + SignedDuration::from_hours(1);
    assert!(!needs.may_purge(ObjectKind::Content, &dead, free));
    assert!(needs.may_purge(ObjectKind::Content, &dead, free + second));
    assert!(!needs.may_purge(ObjectKind::Key, &dead, free + second));
    assert!(Needs::of([], window()).may_purge(ObjectKind::Key, &dead, free + second));
    assert!(!Needs::of([], window()).may_purge(ObjectKind::Config, &dead, Timestamp::MAX));
    assert!(!Needs::of([], window()).may_purge(
        ObjectKind::Content,
        &Lifetime { created: 5, deleted: None },
        Timestamp::MAX
    ));
}
