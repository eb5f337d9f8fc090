//! People: looking, creating, changing, and who may not.

use arm::ObjectId;
use directory::User;

use super::{ALICE, BOB, SAM, force, turn};
use crate::harness::{self, FABSEC, Harness};
use crate::portal::browser::{Browser, Shown};

fn page_of(person: ObjectId) -> String {
    format!("/portal/people/{person}")
}

fn stored(server: &Harness, person: ObjectId) -> Option<User> {
    server.running.app().store.transact(|tx| tx.get::<User>(&person.to_string())).unwrap()
}

/// Creates Carl and answers with the page that follows.
async fn carl(browser: &Browser<'_>) -> Shown {
    let page = browser.get("/portal/people/new").await.expect(200);
    let fields = [
        ("name", "Carl Operator"),
        ("username", "carl@contoso.example"),
        ("mail", ""),
        ("password", harness::PASSWORD),
        ("do", "create"),
    ];
    browser.submit(&page, &fields).await.expect(200)
}

#[tokio::test]
async fn people_are_listed_and_searched() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get("/portal/people").await.expect(200);
    assert!(page.has("Alice Backup") && page.has(BOB) && page.has("Create a person"));
    page.snapshot("people");
    let found = browser.get("/portal/people?q=bo").await.expect(200);
    assert!(found.has(BOB) && !found.has("Alice Backup"));
    let by_user_name = browser.get("/portal/people?q=alice%40contoso").await.expect(200);
    assert!(by_user_name.has("Alice Backup") && !by_user_name.has(">Bob<"));
    assert!(browser.get("/portal/people?q=%27nobody").await.expect(200).has("Nobody was found"));
    assert!(!browser.get("/portal/people?only=guests").await.expect(200).has(">Bob<"));
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let server = Harness::start().await;
    server.seed(|tx| {
        let bob: User = tx.get(&harness::BOB.to_string())?.unwrap();
        for number in 0..120_u128 {
            let id = ObjectId(uuid::Uuid::from_u128(0x9000 + number));
            let upn = directory::Upn::parse(&format!("person{number:03}@contoso.example"))?;
            tx.put(&User { id, upn, display_name: format!("Person {number:03}"), ..bob.clone() })?;
        }
        Ok(())
    });
    let browser = Browser::of(&server, ALICE).await;
    let first = browser.get("/portal/people?q=person").await.expect(200);
    assert!(first.has("120 accounts") && first.has("Person 049") && !first.has("Person 050"));
    assert!(
        first.has("/portal/people?q=person&#38;after=50") && !first.has("Previous page"),
        "{}",
        first.answer.text
    );
    let last = browser.get("/portal/people?q=person&after=100").await.expect(200);
    assert!(last.has("Person 119") && !last.has("Next page") && last.has("Previous page"));
    assert!(first.answer.text.len() < 40_000, "{}", first.answer.text.len());
}

#[tokio::test]
async fn a_person_as_html() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get(&page_of(harness::BOB)).await.expect(200);
    assert!(page.has("Disable the account") && page.has("Give a temporary access pass"));
    page.snapshot("person");
    let own = browser.get(&page_of(harness::ALICE)).await.expect(200);
    assert!(own.has("/account/security") && !own.has("Give a temporary access pass"));
}

#[tokio::test]
async fn a_person_is_created_and_signs_in() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get("/portal/people/new").await.expect(200);
    page.snapshot("new_person");
    let fields = [
        ("name", "Carl Operator"),
        ("username", "carl@contoso.example"),
        ("mail", "carl@mail.example"),
        ("password", "short"),
        ("do", "create"),
    ];
    let refused = browser.submit(&page, &fields).await.expect(400);
    assert!(refused.has("at least 8 characters") && refused.has("value=\"carl@contoso.example\""));
    assert!(!refused.has("value=\"short\""), "a password is not shown again");
    let shown = carl(&browser).await;
    assert!(shown.has("Carl Operator was created.") && shown.has("What to tell Carl Operator"));
    assert!(!shown.has(harness::PASSWORD));
    Browser::of(&server, "carl@contoso.example").await;
}

#[tokio::test]
async fn a_person_is_changed_disabled_and_enabled() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let bob = Browser::of(&server, BOB).await;
    let page = browser.get(&page_of(harness::BOB)).await;
    let page =
        browser.submit(&page, &[("do", "rename"), ("name", "Robert"), ("mail", "no mail")]).await.expect(400);
    assert!(
        page.has("is not a mail address") && page.has("value=\"Robert\"") && page.has("value=\"no mail\"")
    );
    let page =
        browser.submit(&page, &[("do", "rename"), ("name", "Robert"), ("mail", "rob@mail.example")]).await;
    assert!(page.has("The account was changed.") && page.has("<h1>Robert</h1>"));
    let page = browser.submit(&page, &[("do", "disable")]).await.expect(200);
    assert!(page.has("The account is disabled.") && page.has("Enable the account"));
    assert_eq!(bob.get("/portal/").await.at, "/portal/sign-in");
    browser.submit(&page, &[("do", "enable")]).await.expect(200);
    assert!(stored(&server, harness::BOB).unwrap().enabled);
}

#[tokio::test]
async fn whoever_disables_the_last_approver_is_told() {
    let server = crate::pim::guarded().await;
    let sue = serde_json::json!([{"id": harness::SUE, "userType": "User", "description": "Sue"}]);
    crate::pim::name_approver(&server, sue).await.expect(200);
    crate::pim::make_eligible(&server, harness::ALICE_GUEST).await.expect(201);
    let browser = Browser::of(&server, SAM).await;
    let page = browser.get(&page_of(harness::SUE)).await;
    let page = browser.submit(&page, &[("do", "disable")]).await.expect(200);
    assert!(page.has("Approvals are affected") && page.has("Name another approver"), "{}", page.answer.text);
    assert!(!browser.get(&page_of(harness::SUE)).await.has("Approvals are affected"));
}

#[tokio::test]
async fn a_person_is_deleted_by_whoever_types_the_name() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get(&page_of(harness::BOB)).await;
    let page = browser.submit(&page, &[("do", "delete"), ("confirm", "alice")]).await.expect(400);
    assert!(page.has("Type the user name exactly") && page.has("value=\"alice\""));
    let page = browser.submit(&page, &[("do", "delete"), ("confirm", BOB)]).await.expect(200);
    assert_eq!(page.at, "/portal/people");
    assert!(page.has("The account was deleted.") && stored(&server, harness::BOB).is_none());
    let page = browser.get(&page_of(harness::ALICE)).await;
    let page = browser.submit(&page, &[("do", "delete"), ("confirm", ALICE)]).await.expect(412);
    assert!(page.has("Nobody would be left who can give rights"), "{}", page.answer.text);
}

#[tokio::test]
async fn a_pass_is_shown_once() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get(&page_of(harness::BOB)).await;
    let page = browser.submit(&page, &[("do", "give-pass"), ("minutes", "5")]).await.expect(400);
    assert!(page.has("from 10 to 43200") && page.has("value=\"5\""));
    let page = browser.submit(&page, &[("do", "give-pass"), ("minutes", "30")]).await.expect(200);
    assert!(page.has("A temporary access pass for Bob"));
    let pass = page.answer.text.split("data-copy>").nth(1).unwrap().split('<').next().unwrap().to_string();
    assert!(pass.len() >= 8, "{pass}");
    let later = browser.get(&page_of(harness::BOB)).await.expect(200);
    assert!(!later.has(&pass) && later.has("Waits to be used"));
    let gone = browser.submit(&later, &[("do", "withdraw-pass")]).await.expect(200);
    assert!(gone.has("was withdrawn") && !gone.has("Waits to be used"));
}

#[tokio::test]
async fn a_second_factor_is_reset() {
    let server = Harness::start().await;
    second_administrator(&server);
    crate::login::enrol::enrolled(&server).await;
    let browser = Browser::of(&server, BOB).await;
    let page = browser.get(&page_of(harness::ALICE)).await.expect(200);
    assert!(page.has("Set up on ") && page.has("For a lost or stolen phone"));
    let page = browser.submit(&page, &[("do", "reset-factor")]).await.expect(200);
    assert!(page.has("The second factor was reset"), "{}", page.answer.text);
    assert!(stored(&server, harness::ALICE).unwrap().totp.is_none());
}

/// Makes Bob somebody who administers the directory besides Alice.
fn second_administrator(server: &Harness) {
    let scope = format!("/subscriptions/{}", harness::BACKUP_SUB);
    server.grant(harness::BOB, rbac::role_ids::OWNER, &scope);
}

#[tokio::test]
async fn accounts_are_linked_and_it_takes_others_to_undo_it() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    carl(&browser).await;
    let page = browser.get(&page_of(harness::BOB)).await;
    let page =
        browser.submit(&page, &[("do", "link"), ("other", "nobody@contoso.example")]).await.expect(404);
    assert!(page.has("nobody and nothing called") && page.has("value=\"nobody@contoso.example\""));
    let page = browser.submit(&page, &[("do", "link"), ("other", "carl@contoso.example")]).await.expect(200);
    assert!(page.has("count as one person") && page.has("carl@contoso.example"), "{}", page.answer.text);
    let page = browser.submit(&page, &[("do", "unlink")]).await.expect(200);
    assert!(
        page.has("The link was undone.") && page.has("No other account is linked"),
        "{}",
        page.answer.text
    );
}

#[tokio::test]
async fn whoever_may_not_write_sees_no_button_and_is_refused() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, BOB).await;
    for path in ["/portal/people".to_string(), page_of(harness::ALICE)] {
        let page = browser.get(&path).await.expect(200);
        for button in [
            "Create a person",
            "Invite a guest",
            "value=\"disable\"",
            "value=\"delete\"",
            "value=\"rename\"",
            "value=\"link\"",
        ] {
            assert!(!page.has(button), "{button} on {path}");
        }
    }
    let page = browser.get(&page_of(harness::ALICE)).await;
    assert!(page.has("Only the person and administrators of the directory see these."));
    for path in ["/portal/people/new", "/portal/people/invite"] {
        assert!(browser.get(path).await.has("You may not write this directory"));
    }
    let fields = [("do", "disable")];
    let refused = force(&browser, &page_of(harness::ALICE), &fields).await.expect(403);
    assert!(refused.has("Insufficient privileges"));
    let fields = [("name", "X"), ("username", "x@contoso.example"), ("password", harness::PASSWORD)];
    force(&browser, "/portal/people/new", &fields).await.expect(403);
    force(&browser, "/portal/people/invite", &[("username", SAM)]).await.expect(403);
    assert!(stored(&server, harness::ALICE).unwrap().enabled);
}

#[tokio::test]
async fn nobody_sees_another_directory() {
    let server = Harness::start().await;
    let bob = Browser::of(&server, BOB).await;
    let list = bob.get("/portal/people").await.expect(200);
    let one = bob.get(&page_of(harness::SUE)).await.expect(404);
    for page in [list, one] {
        for name in ["Sue", SAM, "Fabrikam"] {
            assert!(!page.has(name), "{name} on {}", page.at);
        }
    }
    // Whoever is a guest there reads it.
    let alice = Browser::of(&server, ALICE).await;
    assert!(!alice.get("/portal/people").await.has("Sue"));
    turn(&alice, FABSEC).await;
    let list = alice.get("/portal/people").await.expect(200);
    assert!(list.has("Sue") && !list.has(">Bob<") && !list.has("Create a person"));
    let own = alice.get(&page_of(harness::ALICE_GUEST)).await.expect(200);
    assert!(own.has("The directory of contoso.example, which keeps the password"), "{}", own.answer.text);
}

#[tokio::test]
async fn a_guest_is_invited() {
    let server = Harness::start().await;
    let sam = Browser::of(&server, SAM).await;
    let page = sam.get("/portal/people/invite").await.expect(200);
    page.snapshot("invite");
    let wrong =
        sam.submit(&page, &[("username", "<bob>@contoso.example"), ("name", "Bob & Co")]).await.expect(400);
    assert!(wrong.has("role=\"alert\"") && wrong.has("Bob &#38; Co"), "{}", wrong.answer.text);
    let invited = sam.submit(&wrong, &[("username", BOB)]).await.expect(200);
    assert!(invited.has("Bob &#38; Co is a guest here now."), "{}", invited.answer.text);
    // He finds the directory where he turns to others.
    let bob = Browser::of(&server, BOB).await;
    turn(&bob, FABSEC).await;
    assert!(bob.get("/portal/directory").await.expect(200).has("Fabrikam"));
}
