//! When backup data may be read: every answer of a guard, and every window.

use jiff::{SignedDuration, Timestamp};
use mua::{
    CriticalOperation, GuardAnswer, GuardQuestion, Missing, Protection, RESTORE_HOURS, Refusal,
    RestoreWindow, VaultKind, answer, may_read,
};
use vault::{GuardProxy, SecurityPin, VaultChange};

use crate::world::*;

fn protected() -> vault::ProtectedItem {
    item(None, vault::Protection::Protected)
}

/// The window that a restore opens.
fn window() -> RestoreWindow {
    let presented = mua::Presented {
        callers: &[caller(ALICE), caller(ALICE_GUEST)],
        requests: &[mua::ResourceGuard::default_request(&id(GUARD), CriticalOperation::Restore).unwrap()],
        unlocks: &[],
    };
    let guard = guard([]);
    let ask = |question: &GuardQuestion| {
        answer(Some(&guard), question, |holder, _| {
            (holder.object == caller(ALICE_GUEST).object)
                .then(|| mua::Right { assignment: below(GUARD, "x/y"), until: None })
        })
    };
    let change = VaultChange::restore(&protected(), &point());
    let kind = VaultKind::RecoveryServices;
    let cleared = mua::clear(change, kind, Some(&proxy(GUARD)), &presented, &ask, now()).unwrap().unwrap();
    let [window] = cleared.opens() else { panic!("one window") };
    assert_eq!(*window.item(), protected().id);
    assert_eq!(cleared.permits()[0].target(), &point().id);
    window.clone()
}

fn read(
    proxy: Option<&GuardProxy>,
    window: Option<&RestoreWindow>,
    answer: &GuardAnswer,
    at: Timestamp,
) -> Result<(), Box<Refusal>> {
    let ask = |_: &GuardQuestion| answer.clone();
    may_read(VaultKind::RecoveryServices, proxy, &protected().id, window, &ask, at)
}

fn known(of: &str, protection: Option<Protection>) -> GuardAnswer {
    GuardAnswer::Known {
        guard: id(of),
        description: Some("Ask sam@fabsec.example".into()),
        protection: protection
            .map(|protection| (CriticalOperation::Restore, protection))
            .into_iter()
            .collect(),
    }
}

fn denied() -> Option<Protection> {
    Some(Protection::Denied { action: "a".into() })
}

fn granted(holder: u128) -> Option<Protection> {
    let right = mua::Right { assignment: below(GUARD, "x/y"), until: None };
    Some(Protection::Granted { holder: caller(holder), right })
}

#[test]
fn reading_is_free_without_a_guard_exempt_or_in_a_window() {
    let (linked, window) = (proxy(GUARD), window());
    let unavailable = GuardAnswer::Unavailable { why: "out of reach".into() };
    assert_eq!(read(None, None, &unavailable, now()), Ok(()));
    let exempt = known(GUARD, Some(Protection::Exempt));
    assert_eq!(read(Some(&linked), None, &exempt, now()), Ok(()));
    let last = now() + SignedDuration::from_hours(RESTORE_HOURS) - SignedDuration::from_secs(1);
    for at in [now(), last] {
        assert_eq!(read(Some(&linked), Some(&window), &known(GUARD, granted(ALICE_GUEST)), at), Ok(()));
    }
}

#[test]
fn the_guard_is_asked_about_the_holder_of_the_window_and_nobody_else() {
    let window = window();
    for (window, holders) in [(None, vec![]), (Some(&window), vec![caller(ALICE_GUEST)])] {
        let ask = |question: &GuardQuestion| {
            assert_eq!(question.holders, holders);
            known(GUARD, denied())
        };
        let kind = VaultKind::RecoveryServices;
        may_read(kind, Some(&proxy(GUARD)), &protected().id, window, &ask, now()).unwrap_err();
    }
}

#[test]
fn everything_else_is_refused() {
    let window = window();
    let later = GuardProxy { updated: now() + SignedDuration::from_secs(1), ..proxy(GUARD) };
    let over = now() + SignedDuration::from_hours(RESTORE_HOURS);
    let unavailable = GuardAnswer::Unavailable { why: "out of reach".into() };
    let of = |guard| known(guard, granted(ALICE_GUEST));
    for (what, proxy, window, answer, at) in [
        ("no window", proxy(GUARD), None, of(GUARD), now()),
        ("it is over", proxy(GUARD), Some(&window), of(GUARD), over),
        ("another guard's consent", proxy(OTHER_GUARD), Some(&window), of(OTHER_GUARD), now()),
        ("linked again since", later, Some(&window), of(GUARD), now()),
        ("the consent has ended", proxy(GUARD), Some(&window), known(GUARD, denied()), now()),
        ("another one's consent", proxy(GUARD), Some(&window), known(GUARD, granted(ALICE)), now()),
        ("no word on it, no window", proxy(GUARD), None, known(GUARD, None), now()),
        ("no word on it", proxy(GUARD), Some(&window), known(GUARD, None), now()),
        ("out of reach", proxy(GUARD), Some(&window), unavailable, now()),
        (
            "another guard answers",
            proxy(GUARD),
            Some(&window),
            known(OTHER_GUARD, Some(Protection::Exempt)),
            now(),
        ),
    ] {
        let refusal = read(Some(&proxy), window, &answer, at).unwrap_err();
        assert_eq!(refusal.operation, CriticalOperation::Restore, "{what}");
        match refusal.missing {
            Missing::Window => assert!(matches!(answer, GuardAnswer::Known { .. }), "{what}"),
            Missing::Guard { .. } => {
                assert!(what.contains("out of reach") || what.contains("answers"), "{what}")
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    let refusal = read(Some(&proxy(GUARD)), None, &of(GUARD), now()).unwrap_err();
    let message = refusal.into_error().message;
    for part in ["Ask sam@fabsec.example", "triggerRestoreRequests/default", GUARD] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_window_is_of_the_item_that_was_restored() {
    let ask = |_: &GuardQuestion| known(GUARD, granted(ALICE_GUEST));
    let other =
        below(VAULT, "backupFabrics/Azure/protectionContainers/Windows;host/protectedItems/FileFolder;other");
    let read = |item: &arm::ResourceId| {
        may_read(VaultKind::RecoveryServices, Some(&proxy(GUARD)), item, Some(&window()), &ask, now()).is_ok()
    };
    assert!(read(&protected().id));
    assert!(!read(&other));
}

#[test]
fn a_pin_is_critical_when_it_gives_something_and_free_when_it_takes() {
    let critical = vec![CriticalOperation::SecurityPin];
    for (what, change, expected) in [
        ("the first", VaultChange::issue_pin(None, pin(5, "a")), critical.clone()),
        ("another", VaultChange::issue_pin(Some(pin(1, "a")), pin(5, "b")), critical.clone()),
        (
            "other digits, fewer tries",
            VaultChange::issue_pin(Some(pin(5, "a")), pin(4, "b")),
            critical.clone(),
        ),
        ("more tries", VaultChange::issue_pin(Some(pin(1, "a")), pin(5, "a")), critical),
        ("a try", VaultChange::try_pin(pin(5, "a"), now()).unwrap(), vec![]),
        ("its use", VaultChange::use_pin(pin(0, "a")), vec![]),
    ] {
        let found: Vec<_> = mua::classify(&change).into_iter().map(|finding| finding.operation).collect();
        assert_eq!(found, expected, "{what}");
    }
    let longer = SecurityPin { expires: Timestamp::MAX, tries_left: 4, ..pin(5, "a") };
    assert_eq!(mua::classify(&VaultChange::issue_pin(Some(pin(5, "a")), longer)).len(), 1, "a longer one");
}

#[test]
fn a_purge_is_not_critical() {
    let over = now() + SignedDuration::from_hours(24 * 14);
    assert_eq!(mua::classify(&VaultChange::purge(deleted(protected(), 14), over).unwrap()), []);
}
