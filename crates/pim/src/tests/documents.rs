//! Documents survive the store.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::world::*;
use crate::{Caller, Verdict, Window, deactivate};

fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(document: &T) {
    let text = serde_json::to_string(document).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), document, "{text}");
}

#[test]
fn every_document_reads_back_as_it_was() {
    let mut world = World::new();
    world.patch(rule_patch(json!({"id": "Notification_Approver_EndUser_Assignment",
        "notificationRecipients": ["soc@fabsec.example"]})));
    survives(world.policy.document());
    survives(&world.eligibilities[0]);
    let alice = Caller {
        authentication: crate::Authentication {
            methods: ["pwd".to_string(), "mfa".into()].into(),
            contexts: ["c1".to_string()].into(),
            at: Some(world.now),
            factor_enrolled: Some(world.now),
        },
        ..caller(ALICE)
    };
    let more = json!({"ticketInfo": {"ticketNumber": "T1", "ticketSystem": "X"}});
    let waiting = world.ask_with(&alice, &body("SelfActivate", ALICE, more)).unwrap();
    survives(&waiting);
    survives(&world.decide(&waiting, SAM, Verdict::Deny).unwrap());
    survives(&waiting.cancel(false, &world.cx(&alice)).unwrap());
    let approved = world.decide(&waiting, SAM, Verdict::Approve).unwrap();
    survives(&approved);
    let back = body("SelfDeactivate", ALICE, json!({}));
    let done = deactivate(request(9), &back, &guard(), &[approved], &world.cx(&alice)).unwrap();
    survives(&done.record);
    survives(&done.ended);
}

#[test]
fn a_window_that_was_tampered_with_holds_at_no_time() {
    let text = r#"{"start":"2026-02-01T10:00:00Z","end":"2026-02-01T09:00:00Z"}"#;
    let window: Window = serde_json::from_str(text).unwrap();
    for hour in ["08", "09", "10", "11"] {
        assert!(!window.contains(at(&format!("2026-02-01T{hour}:00:00Z"))));
    }
}
