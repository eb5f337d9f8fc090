//! The locks of views: in memory, few, small and for a while, because a view never changes and they protect nothing.

use std::collections::VecDeque;

use axum::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use store::Object;

/// The largest lock, in bytes. Those of clients have a few hundred.
pub const LOCK_BYTES: usize = 4 << 10;
/// Locks in all views of one repository.
const PER_REPOSITORY: usize = 64;
/// Locks in all views of this process: 16 MiB at most.
const IN_ALL: usize = 4096;
/// How long one is kept. Clients renew theirs every few minutes, and take one of half an hour for dead.
const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// A view, by its repository and the whole name of its recovery point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewId {
    /// The item's short name.
    pub repository: String,
    /// The snapshot's name.
    pub point: String,
}

/// A lock with its bytes.
#[derive(Clone, Debug)]
pub struct Lock {
    /// What is listed of it.
    pub object: Object,
    /// All of it.
    pub bytes: Bytes,
}

/// The locks of all views that this process serves, oldest first. Where there are too many, the oldest goes: nobody is
/// refused, and the client of one that went is not disturbed.
#[derive(Default)]
pub struct ViewLocks(Mutex<VecDeque<(ViewId, Lock)>>);

impl ViewLocks {
    /// Keeps a lock.
    pub fn keep(&self, view: ViewId, lock: Lock) {
        let mut locks = self.0.lock();
        expire(&mut locks, lock.object.at);
        locks.retain(|(of, known)| (of, &known.object.name) != (&view, &lock.object.name));
        let of_repository = |(of, _): &(ViewId, Lock)| of.repository == view.repository;
        if locks.iter().filter(|known| of_repository(known)).count() >= PER_REPOSITORY
            && let Some(oldest) = locks.iter().position(of_repository)
        {
            locks.remove(oldest);
        }
        if locks.len() >= IN_ALL {
            locks.pop_front();
        }
        locks.push_back((view, lock));
    }

    /// A view's locks, oldest first.
    pub fn list(&self, view: &ViewId, now: Timestamp) -> Vec<Object> {
        let mut locks = self.0.lock();
        expire(&mut locks, now);
        locks.iter().filter(|(of, _)| of == view).map(|(_, lock)| lock.object.clone()).collect()
    }

    /// A view's lock of this name.
    pub fn get(&self, view: &ViewId, name: &str, now: Timestamp) -> Option<Lock> {
        let mut locks = self.0.lock();
        expire(&mut locks, now);
        locks.iter().find(|(of, lock)| of == view && lock.object.name == name).map(|(_, lock)| lock.clone())
    }

    /// Removes a lock, if it is there.
    pub fn remove(&self, view: &ViewId, name: &str) {
        self.0.lock().retain(|(of, lock)| of != view || lock.object.name != name);
    }
}

fn expire(locks: &mut VecDeque<(ViewId, Lock)>, now: Timestamp) {
    locks.retain(|(_, lock)| now.duration_since(lock.object.at) < LIFE);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn view(repository: usize) -> ViewId {
        ViewId { repository: repository.to_string(), point: "point".into() }
    }

    fn lock(name: usize, at: Timestamp) -> Lock {
        let name = name.to_string();
        let object = Object { content: name.clone(), name, size: 0, at, by: "test".into(), checksum: None };
        Lock { object, bytes: Bytes::new() }
    }

    fn names(locks: &ViewLocks, view: &ViewId, now: Timestamp) -> Vec<String> {
        locks.list(view, now).into_iter().map(|lock| lock.name).collect()
    }

    #[test]
    fn a_lock_lasts_an_hour_and_belongs_to_its_view() {
        let locks = ViewLocks::default();
        locks.keep(view(1), lock(1, at(0)));
        locks.keep(view(1), lock(2, at(30)));
        let other = ViewId { point: "other".into(), ..view(1) };
        locks.remove(&other, "1");
        assert!(locks.get(&other, "1", at(59)).is_none() && locks.get(&view(1), "1", at(59)).is_some());
        assert_eq!(names(&locks, &view(1), at(60)), ["2"]);
        assert_eq!(names(&locks, &other, at(60)), Vec::<String>::new());
        locks.remove(&view(1), "2");
        assert_eq!(names(&locks, &view(1), at(60)), Vec::<String>::new());
    }

    #[test]
    fn of_too_many_the_oldest_goes() {
        let locks = ViewLocks::default();
        locks.keep(view(0), lock(0, at(0)));
        for name in 0..=PER_REPOSITORY {
            locks.keep(view(1), lock(name, at(0)));
        }
        // The same again is no other.
        locks.keep(view(1), lock(PER_REPOSITORY, at(0)));
        let kept = names(&locks, &view(1), at(0));
        assert_eq!((kept.len(), kept.first().map(String::as_str)), (PER_REPOSITORY, Some("1")));
        assert_eq!(names(&locks, &view(0), at(0)), ["0"], "a repository pushes out only its own");
        for repository in 2..IN_ALL + 2 {
            locks.keep(view(repository), lock(0, at(0)));
        }
        assert_eq!(locks.0.lock().len(), IN_ALL);
        assert_eq!(names(&locks, &view(0), at(0)), Vec::<String>::new());
    }
}
