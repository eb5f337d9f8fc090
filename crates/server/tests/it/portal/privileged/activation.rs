//! The story of a request: asked for in one browser, decided in another.

use jiff::SignedDuration;

use super::*;
use crate::harness::ALICE_GUEST;
use crate::login::enrol::Authenticator;

const REASON: &str = "The host <db1> is gone & its items go too";

/// Alice asks for consent in her browser.
async fn ask(alice: &Browser<'_>) -> Shown {
    let page = alice.get(&activation()).await.expect(200);
    let fields = [("reason", REASON), ("minutes", "60"), ("ticket", "T-7"), ("system", "Jira")];
    alice.submit(&page, &fields).await.expect(200)
}

/// The page of the one request that waits for somebody.
async fn waiting(browser: &Browser<'_>) -> String {
    let page = browser.get("/portal/privileged/approvals").await.expect(200);
    let (_, rest) = page.answer.text.split_once("href=\"/portal/approvals/").expect("a request that waits");
    format!("/portal/approvals/{}", rest.split('"').next().unwrap())
}

#[tokio::test]
async fn a_guest_asks_and_the_security_admin_approves() {
    let world = World::eligible().await;
    let (alice, sam) = (Browser::of(&world.server, ALICE).await, Browser::of(&world.server, SAM).await);
    let mine = alice.get("/portal/privileged").await.expect(200);
    assert!(mine.has("Backup MUA Operator") && mine.has("guard1"), "{}", mine.answer.text);
    mine.snapshot("privileged_mine_eligible");
    let form = alice.get(&activation()).await.expect(200);
    assert!(form.has("Approvers") && form.has("8 hours"), "what the role asks for: {}", form.answer.text);
    form.snapshot("privileged_activate");

    let asked = ask(&alice).await;
    assert_eq!(asked.at, "/portal/privileged/requests");
    assert!(asked.has("Waits for approval") && asked.has("have been told"));
    asked.snapshot("privileged_requests");
    alice.get("/portal/privileged").await.expect(200).snapshot("privileged_mine_waiting");
    assert!(!world.acts().await, "asking alone opens nothing");

    let list = sam.get("/portal/privileged/approvals").await.expect(200);
    assert!(list.has("Alice Backup"), "{}", list.answer.text);
    list.snapshot("privileged_approvals");
    let address = waiting(&sam).await;
    let page = sam.get(&address).await.expect(200);
    for needed in [
        "Alice Backup",
        "Contoso",
        "alice@contoso.example",
        "T-7",
        "Jira",
        "1 hour",
        "v1",
        "delete protection",
        "&#60;db1&#62; is gone &#38;",
    ] {
        assert!(page.has(needed), "{needed}: {}", page.answer.text);
    }
    page.snapshot("privileged_approval");
    let decided = sam.submit(&page, &[("why", "I called her"), ("do", "approve")]).await.expect(200);
    assert!(decided.has("You approved") && decided.has("I called her"), "{}", decided.answer.text);
    decided.snapshot("privileged_approval_done");
    assert!(world.acts().await);

    let mine = alice.get("/portal/privileged").await.expect(200);
    assert!(mine.has("in 1 h") || mine.has("in 59 min"), "{}", mine.answer.text);
    mine.snapshot("privileged_mine_active");
    let given_back = alice.submit(&mine, &[("do", "give-back")]).await.expect(200);
    assert!(given_back.has("not active any more"));
    assert!(!world.acts().await);
}

#[tokio::test]
async fn an_activation_ends_by_itself() {
    let world = World::eligible().await;
    let (alice, sam) = (Browser::of(&world.server, ALICE).await, Browser::of(&world.server, SAM).await);
    ask(&alice).await;
    let page = sam.get(&waiting(&sam).await).await;
    sam.submit(&page, &[("why", "ok"), ("do", "approve")]).await.expect(200);
    assert!(alice.get("/portal/privileged").await.has("give-back"));
    world.server.advance(SignedDuration::from_mins(59));
    assert!(alice.get("/portal/privileged").await.has("in 1 min") && world.acts().await);
    world.server.advance(SignedDuration::from_mins(1));
    let over = alice.get("/portal/privileged").await.expect(200);
    assert!(over.has("No role of yours is active") && !world.acts().await, "{}", over.answer.text);
}

#[tokio::test]
async fn a_denial_ends_it_and_says_so() {
    let world = World::eligible().await;
    let (alice, sam) = (Browser::of(&world.server, ALICE).await, Browser::of(&world.server, SAM).await);
    ask(&alice).await;
    let page = sam.get(&waiting(&sam).await).await;
    let denied = sam.submit(&page, &[("why", "not today"), ("do", "deny")]).await.expect(200);
    assert!(denied.has("You denied") && denied.has("not today"));
    assert!(alice.get("/portal/privileged/requests").await.has("Denied"));
    assert!(!world.acts().await);
}

#[tokio::test]
async fn silence_is_a_denial_and_the_page_says_so() {
    let world = World::eligible().await;
    let alice = Browser::of(&world.server, ALICE).await;
    ask(&alice).await;
    let address = waiting(&Browser::of(&world.server, SAM).await).await;
    world.server.advance(SignedDuration::from_hours(24));
    let sam = Browser::of(&world.server, SAM).await;
    let late = sam.get(&address).await.expect(200);
    assert!(late.has("Nobody decided in time") && !late.has("value=\"approve\""), "{}", late.answer.text);
}

#[tokio::test]
async fn nobody_approves_their_own_request_by_whatever_account() {
    let world = World::eligible().await;
    let alice = Browser::of(&world.server, ALICE).await;
    let asked = ask(&alice).await;
    let address = waiting(&Browser::of(&world.server, SAM).await).await;
    world.join(APPROVERS, ALICE_GUEST);
    assert!(!alice.get("/portal/privileged/approvals").await.expect(200).has("/portal/approvals/"));
    let own = alice.get(&address).await.expect(403);
    assert!(own.has("Self-approval is not allowed") && !own.has("value=\"approve\""), "{}", own.answer.text);
    let csrf = asked.answer.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = [("csrf", csrf), ("do", "approve"), ("why", "me")].map(|(k, v)| (k.into(), v.into()));
    alice.post(&address, fields.into()).await.expect(403);
    assert!(!world.acts().await);
}

#[tokio::test]
async fn a_refusal_keeps_what_was_typed() {
    let world = World::eligible().await;
    let rule = json!({"id": "Enablement_EndUser_Assignment", "enabledRules": ["Justification", "Ticketing"]});
    world.patch(&guard(), OPERATOR, &rule).await.expect(200);
    let alice = Browser::of(&world.server, ALICE).await;
    let page = alice.get(&activation()).await.expect(200);
    assert!(page.has("<strong>A ticket</strong>"));
    let refused = alice.submit(&page, &[("reason", REASON), ("minutes", "120")]).await.expect(400);
    assert!(
        refused.has("Name the ticket") && refused.has("is gone &#38; its items"),
        "{}",
        refused.answer.text
    );
    assert!(refused.has("<option value=\"120\" selected>"));
    let long =
        alice.submit(&page, &[("reason", REASON), ("minutes", "600"), ("ticket", "1")]).await.expect(400);
    assert!(long.has("may not last as long") && long.has("<option value=\"600\" selected>"));
    let start = [("reason", REASON), ("minutes", "60"), ("ticket", "1"), ("start", "tomorrow")];
    assert!(alice.submit(&page, &start).await.expect(400).has("“tomorrow” is not a time"));
    assert!(alice.get("/portal/privileged/requests").await.has("You have not asked for anything"));
}

#[tokio::test]
async fn a_role_that_asks_for_another_sign_in_leads_there() {
    let world = World::eligible().await;
    let rule = json!({"id": "Enablement_EndUser_Assignment",
        "enabledRules": ["Justification", "MultiFactorAuthentication"]});
    world.patch(&guard(), OPERATOR, &rule).await.expect(200);
    let alice = Browser::of(&world.server, ALICE).await;
    let page = alice.get(&activation()).await.expect(200);
    assert!(page.has("<strong>A second factor</strong>"));
    let refused = alice.submit(&page, &[("reason", REASON), ("minutes", "60")]).await.expect(400);
    let back = "back=%2Fportal%2Fprivileged%2Factivate%2Fsubscriptions%2F";
    assert!(
        refused.has("Sign in again with your second factor") && refused.has(back),
        "{}",
        refused.answer.text
    );
    assert!(refused.has("is gone &#38; its items"));

    let link = refused.answer.text.split('"').find(|part| part.starts_with("/portal/sign-in?")).unwrap();
    let page = alice.get(&link.replace("&#38;", "&")).await.expect(200);
    assert!(page.has(&format!("value=\"{ALICE}\"")), "who it is about: {}", page.answer.text);
    let password = [("username", ALICE), ("password", crate::harness::PASSWORD)];
    let offer = alice.submit(&page, &password).await.expect(200);
    assert!(offer.has("otpauth://"), "she has no second factor yet: {}", offer.answer.text);
    let authenticator = Authenticator::scan(&offer.answer);
    let codes = alice.submit(&offer, &[("code", &authenticator.code(&world.server))]).await.expect(200);
    let page = alice.submit(&codes, &[("decision", "continue")]).await.expect(200);
    assert!(page.at.replace("%2D", "-").starts_with(&activation()), "back to where she was: {}", page.at);
    assert!(page.has("is gone &#38; its items"), "with what she had typed: {}", page.answer.text);
    let asked = alice.submit(&page, &[("minutes", "60")]).await.expect(200);
    assert!(asked.has("Waits for approval"), "{}", asked.answer.text);

    // From now on nobody gets in with the password alone.
    let stranger = Browser::new(&world.server);
    let page = stranger.get("/portal/").await;
    let page = stranger.submit(&page, &password).await.expect(200);
    assert!(page.at.starts_with("/portal/sign-in") && page.has("name=\"code\""), "{}", page.answer.text);
    world.server.advance(SignedDuration::from_secs(60));
    let code = authenticator.code(&world.server);
    assert_eq!(stranger.submit(&page, &[("code", &code)]).await.expect(200).at, "/portal/");
}

#[tokio::test]
async fn what_another_approver_decided_meanwhile_is_said() {
    let world = World::eligible().await;
    ask(&Browser::of(&world.server, ALICE).await).await;
    let (sam, tess) = (Browser::of(&world.server, SAM).await, Browser::of(&world.server, TESS).await);
    let address = waiting(&sam).await;
    let page = sam.get(&address).await.expect(200);
    let of_tess = tess.get(&waiting(&tess).await).await.expect(200);
    tess.submit(&of_tess, &[("why", "fine"), ("do", "approve")]).await.expect(200);
    let late = sam.submit(&page, &[("why", "no"), ("do", "deny")]).await.expect(409);
    assert!(late.has("cannot be decided any more") && late.has("fine") && !late.has("value=\"deny\""));
    assert!(world.acts().await);
}

#[tokio::test]
async fn a_decision_needs_a_reason_and_keeps_it() {
    let world = World::eligible().await;
    let mut strict = stage(2, &[approver("Group", APPROVERS)]);
    strict["isApproverJustificationRequired"] = json!(true);
    world.approve_in(&json!("SingleStage"), &[strict]).await.expect(200);
    ask(&Browser::of(&world.server, ALICE).await).await;
    let (sam, tess) = (Browser::of(&world.server, SAM).await, Browser::of(&world.server, TESS).await);
    let page = sam.get(&waiting(&sam).await).await.expect(200);
    assert!(page.has("2 people have to approve") && page.has("Nobody has decided"));
    let refused = sam.submit(&page, &[("why", " "), ("do", "approve")]).await.expect(400);
    assert!(refused.has("Say why"), "{}", refused.answer.text);
    let first = sam.submit(&page, &[("why", "first"), ("do", "approve")]).await.expect(200);
    assert!(first.has("You cannot decide, or you have") && !world.acts().await);
    let of_tess = tess.get(&waiting(&tess).await).await.expect(200);
    assert!(of_tess.has("first"), "the votes so far: {}", of_tess.answer.text);
    tess.submit(&of_tess, &[("why", "second"), ("do", "approve")]).await.expect(200);
    assert!(world.acts().await);
}

#[tokio::test]
async fn a_request_is_taken_back() {
    let world = World::eligible().await;
    let (alice, sam) = (Browser::of(&world.server, ALICE).await, Browser::of(&world.server, SAM).await);
    let asked = ask(&alice).await;
    let address = waiting(&sam).await;
    let back = alice.submit(&asked, &[("do", "take-back")]).await.expect(200);
    assert!(back.has("was taken back") && back.has("Taken back"), "{}", back.answer.text);
    assert!(!sam.get("/portal/privileged/approvals").await.has("/portal/approvals/"));
    assert!(sam.get(&address).await.expect(200).has("Taken back"));
}

#[tokio::test]
async fn strangers_see_nothing_of_it() {
    let world = World::eligible().await;
    ask(&Browser::of(&world.server, ALICE).await).await;
    let address = waiting(&Browser::of(&world.server, SAM).await).await;
    for (who, status) in [(BOB, 404), (UMA, 200)] {
        let browser = Browser::of(&world.server, who).await;
        let page = browser.get(&address).await.expect(status);
        assert_eq!(page.has("is gone &#38; its items"), status == 200, "{who}");
        assert!(!page.has("value=\"approve\""), "a reader decides nothing");
    }
    let bob = Browser::of(&world.server, BOB).await;
    for page in [activation(), of_guard("assignments"), of_guard("settings"), setting(""), of_guard("assign")]
    {
        let shown = bob.get(&page).await;
        for secret in ["Alice", "Approvers", "Night shift", "Sam"] {
            assert!(!shown.has(secret), "{secret} on {page}: {}", shown.answer.text);
        }
    }
    for page in ["/portal/privileged", "/portal/privileged/requests", "/portal/privileged/approvals"] {
        assert!(!bob.get(page).await.expect(200).has("guard1"), "{page}");
    }
}

#[tokio::test]
async fn the_link_in_a_mail_leads_back_after_the_sign_in() {
    let world = World::eligible().await;
    ask(&Browser::of(&world.server, ALICE).await).await;
    let address = waiting(&Browser::of(&world.server, SAM).await).await;
    let fresh = Browser::new(&world.server);
    let sign_in = fresh.get(&address).await.expect(200);
    assert!(!sign_in.has("Alice Backup"));
    let page = fresh.submit(&sign_in, &[("username", SAM), ("password", crate::harness::PASSWORD)]).await;
    assert_eq!(page.at, address);
    assert!(page.has("value=\"approve\""));
}

#[tokio::test]
async fn more_time_is_asked_for_and_given_by_somebody_else() {
    let world = World::eligible().await;
    let (alice, sam) = (Browser::of(&world.server, ALICE).await, Browser::of(&world.server, SAM).await);
    let mine = alice.get("/portal/privileged").await.expect(200);
    let (_, rest) = mine.answer.text.split_once("href=\"/portal/privileged/extend/").unwrap();
    let page = alice
        .get(&format!("/portal/privileged/extend/{}", rest.split('"').next().unwrap()))
        .await
        .expect(200);
    page.snapshot("privileged_extend");
    let short = alice.submit(&page, &[("reason", REASON), ("ends", "days"), ("days", "1")]).await.expect(400);
    assert!(short.has("would not end later") && short.has("is gone &#38;"), "{}", short.answer.text);
    let asked =
        alice.submit(&page, &[("reason", REASON), ("ends", "days"), ("days", "60")]).await.expect(200);
    assert!(asked.has("Waits for an admin"), "{}", asked.answer.text);

    let waits = sam.get("/portal/privileged/approvals").await.expect(200);
    assert!(waits.has("Requests for more time") && waits.has("60 days"), "{}", waits.answer.text);
    let list = sam.get(&of_guard("assignments")).await.expect(200);
    list.snapshot("privileged_assignments_more_time");
    let (_, rest) = list.answer.text.split_once("href=\"/portal/privileged/assignment/").unwrap();
    let one = format!("/portal/privileged/assignment/{}", rest.split('"').next().unwrap());
    let one = sam.get(&one).await.expect(200);
    assert!(one.has("asks for more time"), "{}", one.answer.text);
    let given =
        sam.submit(&one, &[("do", "extend"), ("ends", "days"), ("days", "60"), ("reason", "ok")]).await;
    assert!(given.expect(200).has("has more time"));
    assert!(alice.get("/portal/privileged/requests").await.has("Agreed to"));
}

#[tokio::test]
async fn more_time_is_denied() {
    let world = World::eligible().await;
    let more = json!({"scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P60D"}}});
    let body = crate::pim::world::body("SelfExtend", ALICE_GUEST, OPERATOR, &more);
    let name = crate::pim::world::fresh();
    world.request(ALICE_GUEST, ELIGIBILITY, &guard(), name, body).await.expect(201);
    let sam = Browser::of(&world.server, SAM).await;
    let list = sam.get(&of_guard("assignments")).await.expect(200);
    assert!(sam.submit(&list, &[("do", "deny")]).await.expect(200).has("was denied"));
    let alice = Browser::of(&world.server, ALICE).await;
    assert!(alice.get("/portal/privileged/requests").await.has("Denied"));
}

/// What the API adds for these pages.
#[tokio::test]
async fn the_eligible_see_their_own_at_the_root_and_what_their_role_asks_for() {
    let world = World::start().await;
    let at_root = "/providers/Microsoft.Authorization/roleEligibilitySchedules?$filter=asTarget()";
    let policies = format!(
        "{}/providers/Microsoft.Authorization/roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{OPERATOR}'",
        guard()
    );
    // A guest who holds nothing there, and so sees no subscription.
    let reader = world.server.grant(ALICE_GUEST, crate::pim::world::READER, &guard());
    world.server.revoke(&reader);
    let alice = world.server.as_(ALICE_GUEST);
    assert_eq!(alice.get(at_root).await.expect(200)["value"], json!([]));
    assert_eq!(alice.get(&policies).await.status, 403);
    world.give(ELIGIBILITY, "AdminAssign", ALICE_GUEST, &lasting("P30D")).await.expect(201);
    assert_eq!(alice.get("/subscriptions").await.expect(200)["value"], json!([]));
    let found = alice.get(at_root).await.expect(200);
    assert_eq!(found["value"][0]["properties"]["scope"], guard());
    let children = "/providers/Microsoft.Authorization/eligibleChildResources";
    assert_eq!(alice.get(children).await.expect(200)["value"][0]["id"], guard());
    let told = alice.get(&policies).await.expect(200);
    let rules: Vec<&Value> = told["value"][0]["properties"]["effectiveRules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["id"])
        .collect();
    assert_eq!(rules.len(), 4, "what an activation has to keep, and not who is mailed: {rules:?}");
    for other in [
        "/providers/Microsoft.Authorization/roleEligibilitySchedules".to_string(),
        at_root.replace("asTarget()", "atScope()"),
    ] {
        assert_eq!(alice.get(&other).await.status, 400, "{other}");
    }
    let every = policies.split('?').next().unwrap();
    assert_eq!(alice.get(every).await.status, 403, "the policies of other roles");
    assert_eq!(world.server.as_(crate::harness::SUE).get(at_root).await.expect(200)["value"], json!([]));
}
