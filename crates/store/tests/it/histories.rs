//! Purging against a naive model, over random histories: what comes and goes, recovery points, policies, crashes, clocks that
//! are set. Nothing that a kept point needs is ever missing, and of what nobody needs nothing is left after a purge.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use store::{Object, ObjectType, Store};
use vault::keeping::{Kept, needs};
use vault::{ProtectedItem, RecoveryPoint};

use crate::world::{Engine, ITEM, World, entry, file, item, now, object, upload};

on_every_engine!(a_purge_is_what_the_model_says);

const TYPES: [ObjectType; 4] = [ObjectType::Data, ObjectType::Index, ObjectType::Keys, ObjectType::Snapshots];
const WINDOW: SignedDuration = SignedDuration::from_hours(48);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[derive(Clone, Debug)]
enum Step {
    /// An object arrives; a snapshot that is not known makes a recovery point.
    Put(usize, u8),
    Delete(usize, u8),
    /// From now on points are kept for so many hours.
    Policy(i64),
    /// The points that still run are kept for so many hours from their arrival, if that is longer.
    Extend(i64),
    Pass(i64),
    /// The clock is set back.
    Back(i64),
    /// A purge in pages of so many.
    Purge(u32),
    /// The process ends in the middle of whatever it does beside.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let object = || (0..TYPES.len(), 0..5_u8);
    prop_oneof![
        8 => object().prop_map(|(of, n)| Step::Put(of, n)),
        6 => object().prop_map(|(of, n)| Step::Delete(of, n)),
        1 => (0..200_i64).prop_map(Step::Policy),
        1 => (0..400_i64).prop_map(Step::Extend),
        6 => (0..60_i64).prop_map(Step::Pass),
        3 => prop_oneof![1..4_u32, Just(1000)].prop_map(Step::Purge),
        1 => Just(Step::Crash),
    ]
}

/// A history, and whether clocks are set back in it. Where they are, more may be kept than is needed.
fn history() -> impl Strategy<Value = (Vec<Step>, bool)> {
    let steady = prop::collection::vec(step(), 1..60).prop_map(|steps| (steps, true));
    let any = prop_oneof![9 => step(), 1 => (1..300_i64).prop_map(Step::Back)];
    let set_back = prop::collection::vec(any, 1..60).prop_map(|steps| (steps, false));
    prop_oneof![3 => steady, 1 => set_back]
}

/// A lifetime of an object, as the model knows it.
#[derive(Clone, Debug)]
struct Life {
    of: usize,
    number: u8,
    created: u64,
    deleted: Option<(u64, Timestamp)>,
}

struct Model {
    now: Timestamp,
    sequence: u64,
    keep: i64,
    lives: Vec<Life>,
    /// With their place in the order.
    points: Vec<(u64, RecoveryPoint)>,
    item: ProtectedItem,
}

impl Model {
    /// The rules' words, one by one (`repository-rules` 3.3): every kept point is asked about every object.
    fn is_pinned(&self, life: &Life) -> bool {
        let Some((deleted, at)) = life.deleted else {
            return true;
        };
        let newest = self.points.iter().map(|(_, point)| point.at).max();
        let kept = self.points.iter().filter(|(_, point)| {
            let runs = point.retain_until.is_none_or(|until| self.now < until + HOUR);
            runs || Some(point.at) == newest
        });
        match TYPES[life.of] {
            ObjectType::Keys => kept.count() > 0,
            of => kept.into_iter().any(|(place, point)| {
                let raced = of != ObjectType::Snapshots && point.at.duration_since(at) <= WINDOW;
                life.created <= *place && (deleted > *place || raced)
            }),
        }
    }

    fn is_old(&self, life: &Life) -> bool {
        life.deleted.is_some_and(|(_, at)| self.now.duration_since(at) > WINDOW + HOUR)
    }

    fn alive(&mut self, of: usize, number: u8) -> Option<&mut Life> {
        self.lives.iter_mut().find(|life| (life.of, life.number) == (of, number) && life.deleted.is_none())
    }

    fn is_known(&self, of: usize, number: u8) -> bool {
        self.lives.iter().any(|life| (life.of, life.number) == (of, number))
    }
}

fn thing(of: usize, number: u8, at: Timestamp) -> Object {
    Object { at, ..object(&[u8::try_from(of).unwrap(), number]) }
}

fn put(store: &Store, model: &mut Model, of: usize, number: u8) {
    if model.alive(of, number).is_some() {
        return;
    }
    let thing = thing(of, number, model.now);
    let kept = upload(store, TYPES[of], &[u8::try_from(of).unwrap(), number]).keep().unwrap();
    store.transact(|tx| tx.put_object(ITEM, TYPES[of], &thing)).unwrap();
    drop(kept);
    model.sequence += 1;
    if TYPES[of] == ObjectType::Snapshots && !model.is_known(of, number) {
        let point = RecoveryPoint {
            at: model.now,
            id: model.item.id.child(&format!("recoveryPoints/{}", thing.name)).unwrap(),
            label: None,
            policy: None,
            repository: ITEM.into(),
            retain_until: Some(model.now + HOUR * i32::try_from(model.keep).unwrap()),
            snapshot: thing.name,
            written_by: "test".into(),
        };
        model.points.push((model.sequence, point));
    }
    model.lives.push(Life { of, number, created: model.sequence, deleted: None });
}

fn delete(store: &Store, model: &mut Model, of: usize, number: u8) {
    let (next, now) = (model.sequence + 1, model.now);
    let Some(life) = model.alive(of, number) else {
        return;
    };
    life.deleted = Some((next, now));
    model.sequence = next;
    let name = thing(of, number, now).name;
    let hide = |tx: &mut store::Transaction| {
        tx.tombstone_object(ITEM, TYPES[of], &name, now, "test");
        Ok(())
    };
    store.transact(hide).unwrap();
}

/// Purges as the server does: page by page, asking anew each time, and ending the points whose snapshots went.
fn purge(store: &Store, model: &mut Model, limit: u32, exactly: bool) {
    let unneeded: Vec<Life> =
        model.lives.iter().filter(|life| model.is_old(life) && !model.is_pinned(life)).cloned().collect();
    let mut after = Some(0);
    while let Some(from) = after {
        let points: Vec<RecoveryPoint> = model.points.iter().map(|(_, point)| point.clone()).collect();
        let kept = Kept::of(&model.item, &points, model.now);
        let page = store.transact(|tx| {
            let arrivals = tx.arrivals(ITEM, ObjectType::Snapshots)?;
            let place = |point: &RecoveryPoint| arrivals.find(&point.snapshot, point.at);
            let needs = needs(&kept, &points, place, WINDOW);
            tx.record(entry("purge"));
            tx.purge_deleted(ITEM, &needs, model.now, from, limit)
        });
        let page = page.unwrap();
        for (_, point) in model.points.extract_if(.., |(_, point)| page.snapshots.contains(&point.snapshot)) {
            assert!(!kept.keeps(&point), "a kept point lost its snapshot");
        }
        after = page.next;
    }
    let mut there = BTreeSet::new();
    let each = &mut |object: store::DeletedObject| {
        there.insert(object.lifetime.created);
        ControlFlow::Continue(())
    };
    store.transact(|tx| tx.each_deleted(ITEM, 0, each)).unwrap();
    if exactly {
        assert!(unneeded.iter().all(|life| !there.contains(&life.created)), "{unneeded:?} {there:?}");
    }
    let gone = |life: &Life| life.deleted.is_some() && !there.contains(&life.created);
    for life in model.lives.iter().filter(|life| gone(life)) {
        assert!(unneeded.iter().any(|unneeded| unneeded.created == life.created), "{life:?} was needed");
    }
    model.lives.retain(|life| !gone(life));
}

/// Every object that has a row has its bytes, and after the removal of bytes no other has.
fn check(store: &Store, world: &World, model: &Model) {
    store.finish_purges().unwrap();
    for (of, object_type) in TYPES.into_iter().enumerate() {
        for number in 0..5 {
            let (thing, known) = (thing(of, number, model.now), model.is_known(of, number));
            assert_eq!(store.transact(|tx| tx.object_known(ITEM, object_type, &thing.name)), Ok(known));
            assert_eq!(file(world.path(), object_type, &thing).exists(), known, "{object_type:?} {number}");
        }
    }
}

fn live_through(engine: Engine, steps: &[Step], exactly: bool) {
    let (mut store, world) = engine.store_with_item();
    let mut model =
        Model { now: now(), sequence: 0, keep: 100, lives: Vec::new(), points: Vec::new(), item: item(ITEM) };
    for step in steps.iter().chain(&[Step::Pass(60), Step::Purge(1000)]) {
        match step {
            Step::Put(of, number) => put(&store, &mut model, *of, *number),
            Step::Delete(of, number) => delete(&store, &mut model, *of, *number),
            Step::Policy(hours) => model.keep = *hours,
            Step::Extend(hours) => {
                let now = model.now;
                for (_, point) in &mut model.points {
                    let until = point.at + HOUR * i32::try_from(*hours).unwrap();
                    if point.retain_until.is_some_and(|end| now < end + HOUR && end < until) {
                        point.retain_until = Some(until);
                    }
                }
            }
            Step::Pass(hours) => model.now += HOUR * i32::try_from(*hours).unwrap(),
            Step::Back(hours) => model.now -= HOUR * i32::try_from(*hours).unwrap(),
            Step::Purge(limit) => purge(&store, &mut model, *limit, exactly),
            Step::Crash => {
                drop(store);
                store = world.open();
            }
        }
        if let Step::Purge(_) | Step::Crash = step {
            check(&store, &world, &model);
        }
    }
}

fn a_purge_is_what_the_model_says(engine: Engine) {
    let cases = match engine {
        Engine::Memory => 60,
        Engine::Sqlite => 25,
        Engine::Postgres => 5,
    };
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let outcome = TestRunner::new(config).run(&history(), |(steps, exactly)| {
        live_through(engine, &steps, exactly);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
