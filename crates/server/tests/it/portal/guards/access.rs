//! Who may do what, why, and giving and taking it.

use arm::{ObjectId, ResourceId};
use directory::{Tenant, Upn, User};
use rbac::{Assignment, PrincipalKind};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ALICE_NAME, BOB_NAME, SAM_NAME, SUE_NAME, fields};
use crate::harness::{ALICE_GUEST, FABSEC, SAM, SUE};
use crate::pim::world::*;
use crate::portal::browser::Browser;

fn at(page: &str, scope: &str) -> String {
    format!("/portal/access/{page}{scope}")
}

async fn assignments(world: &World, scope: &str) -> Vec<Value> {
    let filter = "roleAssignments?$filter=atScope()";
    world.list(SAM, scope, filter).await
}

#[tokio::test]
async fn the_pages_about_access_as_html() {
    let world = World::eligible().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    sam.get("/portal/access").await.expect(200).snapshot("access-choose");
    sam.get(&at("scope", &guard())).await.expect(200).snapshot("access-scope");
    sam.get(&format!("{}?q=alice", at("add", &guard()))).await.expect(200).snapshot("access-add");
    sam.get(&at("roles", &guard())).await.expect(200).snapshot("access-roles");
    let role = below(&guard(), &format!("roleDefinitions/{OPERATOR}"));
    sam.get(&at("role", &role)).await.expect(200).snapshot("access-role");
    sam.get(&at("why", &guard())).await.expect(200).snapshot("access-why");
    let page = sam.get(&at("scope", &subscription())).await.expect(200);
    assert!(
        page.has("<h1>Security</h1>") && page.has("Subscription in Fabrikam Security"),
        "{}",
        page.answer.text
    );
}

#[tokio::test]
async fn who_may_not_see_access_is_told_no_name() {
    let world = World::eligible().await;
    for who in [BOB_NAME, SUE_NAME] {
        let browser = Browser::of(&world.server, who).await;
        let page = browser.get("/portal/access").await.expect(200);
        assert!(!page.has("guard1"), "{}", page.answer.text);
        let role = below(&guard(), &format!("roleDefinitions/{OPERATOR}"));
        let assignment = assignments(&world, &guard()).await[0]["id"].as_str().unwrap().to_string();
        for path in [
            at("scope", &guard()),
            format!("{}?q=a", at("add", &guard())),
            at("roles", &guard()),
            at("role", &role),
            at("remove", &assignment),
        ] {
            let page = browser.get(&path).await;
            assert!([401, 403, 404].contains(&page.answer.status), "{who} {path}: {}", page.answer.status);
            for told in ["Sam Security", "sam@fabsec", "Alice Backup", "Backup MUA Operator"] {
                assert!(!page.has(told), "{who} {path} is told {told}: {}", page.answer.text);
            }
        }
    }
    // Of others, only whoever sees assignments may ask.
    let sue = Browser::of(&world.server, SUE_NAME).await;
    let page = sue.get(&format!("{}?who={SAM}&task=guard-change", at("why", &guard()))).await;
    assert_eq!(page.answer.status, 403);
    assert!(!page.has("<h2>Yes"), "{}", page.answer.text);
    let bob = Browser::of(&world.server, BOB_NAME).await;
    bob.get(&at("why", &guard())).await.expect(404);
}

#[tokio::test]
async fn a_role_is_given_for_good_and_taken_again() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let page = sam.get(&at("scope", &guard())).await.expect(200);
    assert!(!page.has("sue@fabsec.example"));
    let page = sam.get(&format!("{}?q=SUE", at("add", &guard()))).await.expect(200);
    let form = [
        ("role", role_id(READER)),
        ("how", "active".into()),
        ("days", String::new()),
        ("why", "audit".into()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let done = sam.submit(&page, &form).await.expect(200);
    assert_eq!(done.at, at("scope", &guard()));
    assert!(done.has("Sue has the role from now on."), "{}", done.answer.text);
    let given = assignments(&world, &guard()).await;
    let given: Vec<&Value> =
        given.iter().filter(|one| one["properties"]["principalId"] == json!(SUE)).collect();
    let [given] = given.as_slice() else { panic!("{given:?}") };
    assert_eq!(
        (&given["properties"]["description"], &given["properties"]["scope"]),
        (&json!("audit"), &json!(guard()))
    );
    // Once more is refused, and what was typed is kept.
    let page = sam.get(&format!("{}?q=SUE", at("add", &guard()))).await.expect(200);
    let refused = sam.submit(&page, &form).await.expect(409);
    assert!(refused.has("already exists") && refused.has("value=\"audit\""), "{}", refused.answer.text);
    // Taking it away says what she loses.
    let path = at("remove", given["id"].as_str().unwrap());
    let page = sam.get(&path).await.expect(200);
    for told in ["What they lose", "See everything", "Sue"] {
        assert!(page.has(told), "{told}: {}", page.answer.text);
    }
    page.snapshot("access-remove");
    let done = sam.submit(&page, &[("do", "remove")]).await.expect(200);
    assert!(done.has("Sue does not have the role Reader here any more."));
    sam.get(&path).await.expect(404);
    assert!(
        !assignments(&world, &guard()).await.iter().any(|one| one["properties"]["principalId"] == json!(SUE))
    );
}

#[tokio::test]
async fn a_role_is_given_for_a_time_or_to_be_activated() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let add = format!("{}?q=alice+b", at("add", &guard()));
    for (role, how, days, said) in [
        (OPERATOR, "eligible", "30", "Alice Backup may activate the role from now on."),
        (rbac::role_ids::BACKUP_READER, "active", "2", "Alice Backup has the role from now on."),
    ] {
        let page = sam.get(&add).await.expect(200);
        let who = ALICE_GUEST.to_string();
        let role = role_id(role);
        let form = [("who", who.as_str()), ("role", &role), ("how", how), ("days", "x"), ("why", "on call")];
        let refused = sam.submit(&page, &form).await.expect(400);
        assert!(refused.has("For how many days?"), "{}", refused.answer.text);
        let form = [("who", who.as_str()), ("role", &role), ("how", how), ("days", days), ("why", "on call")];
        let done = sam.submit(&refused, &form).await.expect(200);
        assert!(done.has(said), "{said}: {}", done.answer.text);
    }
    let page = sam.get(&at("scope", &guard())).await.expect(200);
    assert!(page.has(">For a time</span>") && page.has(">Eligible</span>"), "{}", page.answer.text);
    let eligible = sam.get(&format!("{}?how=eligible", at("scope", &guard()))).await.expect(200);
    assert!(eligible.has(">Eligible</span>") && !eligible.has(">For a time</span>"));
    // Both are taken again.
    for kind in ["roleEligibilitySchedules", "roleAssignmentSchedules"] {
        let all = world.list(SAM, &guard(), &format!("{kind}?$filter=atScope()")).await;
        let [only] = all.as_slice() else { panic!("{all:?}") };
        let page = sam.get(&at("remove", only["id"].as_str().unwrap())).await.expect(200);
        sam.submit(&page, &[("do", "remove")]).await.expect(200);
        assert_eq!(world.list(SAM, &guard(), &format!("{kind}?$filter=atScope()")).await, [json!(null); 0]);
    }
    assert!(!sam.get(&at("scope", &guard())).await.expect(200).has(">For a time</span>"));
}

#[tokio::test]
async fn who_may_not_give_or_take_a_role_is_refused() {
    let world = World::start().await;
    let alice = Browser::of(&world.server, ALICE_NAME).await;
    let page = alice.get(&format!("{}?q=sue", at("add", &guard()))).await.expect(200);
    let role = role_id(READER);
    let form = [("role", role.as_str()), ("how", "active"), ("days", ""), ("why", "me too")];
    let refused = alice.submit(&page, &form).await.expect(403);
    assert!(refused.has("value=\"me too\"") && refused.has("role=\"alert\""), "{}", refused.answer.text);
    // Her own last one: the page says so.
    let own = assignments(&world, &guard()).await;
    let own = own.iter().find(|one| one["properties"]["principalId"] == json!(ALICE_GUEST)).unwrap();
    let page = alice.get(&at("remove", own["id"].as_str().unwrap())).await.expect(200);
    assert!(page.has("This is the last role that you hold here yourself."), "{}", page.answer.text);
    alice.submit(&page, &[("do", "remove")]).await.expect(403);
    assert_eq!(assignments(&world, &guard()).await.len(), 3, "Sam's and Uma's above, and hers");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    for (who, status) in [("Uma", 200), ("Sam", 412)] {
        let all = assignments(&world, &subscription()).await;
        let name = if who == "Sam" { json!(SAM) } else { json!(UMA) };
        let one = all.iter().find(|one| one["properties"]["principalId"] == name).unwrap();
        let page = sam.get(&at("remove", one["id"].as_str().unwrap())).await.expect(200);
        let after = sam.submit(&page, &[("do", "remove")]).await.expect(status);
        assert_eq!(
            after.has("Nobody would be left who can give rights"),
            status == 412,
            "{}",
            after.answer.text
        );
    }
}

#[tokio::test]
async fn why_somebody_may_do_something_and_why_not() {
    let world = World::start().await;
    world.give(ELIGIBILITY, "AdminAssign", OPERATORS, &lasting("P30D")).await.expect(201);
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let ask = |who: &str, task: &str| format!("{}?q={who}&task={task}", at("why", &guard()));
    let page = sam.get(&ask("sam", "guard-change")).await.expect(200);
    for told in [
        "Yes. Sam Security may change the guard",
        "has the role <strong>Owner</strong>",
        "at <strong>Security</strong>",
    ] {
        assert!(page.has(told), "{told}: {}", page.answer.text);
    }
    page.snapshot("access-why-yes");
    let page = sam.get(&ask("alice+b", "consent-SecurityPin")).await.expect(200);
    assert!(page.has("Whom do you mean?"), "there are two accounts: {}", page.answer.text);
    let about = format!("{}?who={ALICE_GUEST}&task=consent-SecurityPin", at("why", &guard()));
    let page = sam.get(&about).await.expect(200);
    for told in [
        "No. Alice Backup may not consent to",
        "through Day crew, which is in Operators",
        "with somebody’s approval",
    ] {
        assert!(page.has(told), "{told}: {}", page.answer.text);
    }
    page.snapshot("access-why-no");
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    let page = sam.get(&about).await.expect(200);
    assert!(page.has("Yes. Alice Backup may") && page.has("somebody approved it"), "{}", page.answer.text);
    // An action of one's own, nonsense, and somebody who is not there.
    let action = format!("{}?who={SUE}&action=Microsoft.Resources/subscriptions/read", at("why", &guard()));
    assert!(sam.get(&action).await.expect(200).has("No. Sue may not"));
    let page = sam.get(&format!("{}?who={SUE}&action=*", at("why", &guard()))).await.expect(400);
    assert!(page.has("role=\"alert\""), "{}", page.answer.text);
    assert!(
        sam.get(&ask("nobody", "guard-change")).await.expect(200).has("Nobody in the directory has “nobody”")
    );
}

#[tokio::test]
async fn who_approves_is_on_a_list() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let ask = |who: &str| format!("{}?q={who}&task=approve", at("why", &guard()));
    let page = sam.get(&ask("tess")).await.expect(200);
    assert!(
        page.has("Yes. tess may approve") && page.has("through the group <strong>Approvers"),
        "{}",
        page.answer.text
    );
    let page = sam.get(&ask("uma")).await.expect(200);
    assert!(
        page.has("No. uma may not approve") && page.has("Settings of Backup MUA Operator"),
        "{}",
        page.answer.text
    );
    // Who types another name asks about that one.
    let page = sam.get(&format!("{}?who={UMA}&task=approve", at("why", &guard()))).await.expect(200);
    let who = fields(&page, &["who"])["who"].clone();
    assert_eq!(who, UMA.to_string());
    let page = sam.get(&format!("{}&who={who}", ask("tess"))).await.expect(200);
    assert!(page.has("Yes. tess may approve"), "{}", page.answer.text);
}

#[tokio::test]
async fn long_lists_come_in_pages_and_are_searched() {
    let world = World::start().await;
    let (now, scope) = (world.server.now(), ResourceId::parse(&guard()).unwrap());
    world.server.seed(|tx| {
        let fabsec: Tenant = tx.get(&FABSEC.to_string())?.unwrap();
        for number in 0..300 {
            let id = ObjectId(Uuid::from_u128(0x1_0000 + number));
            let upn = Upn::parse(&format!("person{number}@{}", fabsec.domain))?;
            tx.put(&User::member(&fabsec, id, upn, format!("Person {number}"), now)?)?;
            let held = scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{id}"))?;
            tx.put(&Assignment::new(held, scope.clone(), READER, id, PrincipalKind::User))?;
        }
        Ok(())
    });
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let here = at("scope", &guard());
    let page = sam.get(&here).await.expect(200);
    assert!(page.has("303 roles") && page.has(">Next page</a>"), "{}", page.answer.text);
    assert!(page.answer.text.len() < 60_000, "{}", page.answer.text.len());
    let last = sam.get(&format!("{here}?page=7")).await.expect(200);
    assert!(last.has(">uma</a>") && !last.has(">Next page</a>"), "{}", last.answer.text);
    let found = sam.get(&format!("{here}?q=person+299")).await.expect(200);
    assert!(found.has("1 role of 303") && found.has(">Person 299</a>"), "{}", found.answer.text);
    let add = sam.get(&format!("{}?q=person", at("add", &guard()))).await.expect(200);
    assert!(add.has("There are more.") && add.answer.text.matches("name=\"who\"").count() == 20);
}
