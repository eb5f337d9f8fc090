//! Mail and webhooks: who is written to, what the outbox keeps, and what happens when the other side does not take it.

mod postbox;

use arm::ObjectId;
use jiff::SignedDuration;
use mua::ResourceGuard;
use serde_json::{Value, json};
use server::settings::Settings;
use store::{Content, Delivery, Destination, Outgoing};

use crate::harness::{ALICE_GUEST, Answer, Harness, SAM, SUE};
use crate::pim::{activate, decide, guarded_with, make_eligible, name_approver, new_id, pim, role, sam};
use postbox::{Hook, Postbox};

const ALICE_MAIL: &str = "alice@contoso.example";
const SAM_MAIL: &str = "sam@fabsec.example";
const SUE_MAIL: &str = "sue@fabsec.example";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn settings(config: &str) -> Settings {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config).unwrap();
    Settings::read(file.path()).unwrap()
}

async fn configured(config: &str) -> Harness {
    guarded_with(Harness::start_with(settings(config)).await)
}

fn smtp(postbox: &Postbox) -> String {
    let port = postbox.port;
    format!("[mail]\nsmtp = \"smtp://127.0.0.1:{port}\"\nfrom = \"Countersign <c@fabsec.example>\"\n")
}

async fn posting_to(postbox: &Postbox) -> Harness {
    configured(&smtp(postbox)).await
}

/// Everything in the outbox, as `countersign outbox` shows it.
fn outbox(server: &Harness) -> Vec<Outgoing> {
    store::Inspector::open(server.folder.path(), &store::Database::Sqlite).unwrap().outbox().unwrap()
}

fn address(outgoing: &Outgoing) -> &str {
    match &outgoing.to {
        Destination::Mailbox { address, .. } => address,
        Destination::Webhook(name) => name,
    }
}

/// What was written about an event: to whom.
fn told(server: &Harness, event: &str) -> Vec<String> {
    let about = |outgoing: &&Outgoing| outgoing.name.contains(&format!("/{event}/"));
    let mut all: Vec<String> = outbox(server).iter().filter(about).map(|o| address(o).to_string()).collect();
    all.sort();
    all
}

/// Sends until nothing is left that is due and has somewhere to go. What the server sends by itself meanwhile is as good.
async fn deliver(server: &Harness) {
    let until = std::time::Duration::from_secs(30);
    let all = async {
        loop {
            one_pass(server).await;
            let now = server.now();
            let goes = |outgoing: &Outgoing| match outgoing.to {
                Destination::Mailbox { .. } => server.running.app().post.smtp.is_some(),
                Destination::Webhook(_) => true,
            };
            let busy = |outgoing: &Outgoing| {
                outgoing.is_due(now) || matches!(outgoing.delivery, Delivery::Sending { .. })
            };
            if !outbox(server).iter().any(|outgoing| goes(outgoing) && busy(outgoing)) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(until, all).await.unwrap();
}

async fn one_pass(server: &Harness) {
    let app = server.running.app().clone();
    tokio::task::spawn_blocking(move || server::mail::deliver(&app).unwrap()).await.unwrap();
}

async fn assign(server: &Harness, principal: ObjectId) -> Answer {
    let body = json!({"properties": {"principalId": principal, "roleDefinitionId": role(), "requestType": "AdminAssign",
        "justification": "stand-in", "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P30D"}}}});
    server.as_(SAM).put(&pim(&format!("roleAssignmentScheduleRequests/{}", new_id())), body).await
}

/// Changes the notification rules of the guard's operator role.
async fn set_rules(server: &Harness, rules: Vec<Value>) {
    let filter = format!("roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{}'", role());
    let policy = server.as_(SAM).get(&pim(&filter)).await.expect(200);
    let policy = policy["value"][0]["properties"]["policyId"].as_str().unwrap().to_string();
    server.as_(SAM).patch(&policy, json!({"properties": {"rules": rules}})).await.expect(200);
}

fn rule(name: &str, level: &str, default: bool, recipients: &[String]) -> Value {
    let recipient = name.split('_').nth(1).unwrap();
    json!({"id": name, "ruleType": "RoleManagementPolicyNotificationRule", "notificationType": "Email",
        "recipientType": recipient, "notificationLevel": level, "isDefaultRecipientsEnabled": default,
        "notificationRecipients": recipients})
}

fn rule_names() -> Vec<String> {
    let recipients = ["Admin", "Requestor", "Approver"];
    let occasions = ["Admin_Eligibility", "Admin_Assignment", "EndUser_Assignment"];
    let names =
        occasions.iter().flat_map(|o| recipients.iter().map(move |r| format!("Notification_{r}_{o}")));
    names.collect()
}

#[tokio::test]
async fn a_request_and_its_approval_are_told_to_those_around_it() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    name_approver(&server, json!([{"id": SUE, "userType": "User"}])).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    assert_eq!(told(&server, "eligibility.given"), [ALICE_MAIL, SAM_MAIL]);
    let asked = activate(&server, "PT1H").await.expect(201);
    assert_eq!(told(&server, "activation.approval_waiting"), [ALICE_MAIL, SAM_MAIL, SUE_MAIL]);
    decide(&server, SUE, &asked, "Approve").await;
    let stages =
        server.as_(SUE).get(&format!("{}/stages", asked["properties"]["approvalId"].as_str().unwrap())).await;
    let stage = stages.expect(200)["value"][0]["id"].as_str().unwrap().to_string();
    let again = server.as_(SUE).patch(&stage, json!({"properties": {"reviewResult": "Deny"}})).await;
    assert_eq!(again.status, 409, "{}", again.text);
    assert_eq!(told(&server, "activation.approved"), [ALICE_MAIL, SAM_MAIL, SUE_MAIL]);

    deliver(&server).await;
    let expected = [[ALICE_MAIL; 3].as_slice(), &[SAM_MAIL; 3], &[SUE_MAIL; 2]].concat();
    assert_eq!(postbox.recipients(), expected);
    deliver(&server).await;
    assert_eq!(postbox.mails().len(), expected.len(), "once");

    let to_sue = postbox.mails().into_iter().find(|mail| mail.to == SUE_MAIL).unwrap();
    let subject = "Approval needed: Alice Backup asks for Backup MUA Operator on g";
    assert_eq!(to_sue.header("Subject"), subject);
    assert_eq!(to_sue.header("To"), format!("Sue <{SUE_MAIL}>"));
    assert_eq!(to_sue.header("From"), "Countersign <c@fabsec.example>");
    let request = asked["name"].as_str().unwrap();
    let link = format!("{}/portal/approvals/{request}", server.origin());
    let written = outbox(&server).into_iter().find(|mail| mail.subject == subject).unwrap();
    let Content::Mail { text, html } = &written.content else { panic!("a mail is a mail") };
    for part in [text, html] {
        for said in
            ["Alice Backup", "ticket 1", "1 hour", "(alice@contoso.example)", "Resource Guard", link.as_str()]
        {
            assert!(part.contains(said), "{said} in {part}");
        }
    }
    assert!(text.contains("Decide before: "), "{text}");
    assert!(text.contains("Opens: g: ") && text.contains("; on no vault yet"), "{text}");
    assert_eq!(to_sue.header("Message-ID"), format!("<{}@fabsec.example>", written.id()));
}

#[tokio::test]
async fn each_rule_sends_its_own_mail() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    name_approver(&server, sam()).await.expect(200);
    let watch = |name: &String| rule(name, "All", false, &[format!("{}@watch.example", name.to_lowercase())]);
    set_rules(&server, rule_names().iter().map(watch).collect()).await;
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    assign(&server, SUE).await.expect(201);
    activate(&server, "PT1H").await.expect(201);
    deliver(&server).await;
    let mut all: Vec<String> =
        rule_names().iter().map(|name| format!("{}@watch.example", name.to_lowercase())).collect();
    all.sort();
    // The approver's rules on the admin's occasions are for requests to extend or renew.
    let for_renewals = |address: &String| address.starts_with("notification_approver_admin");
    let expected: Vec<String> = all.iter().filter(|address| !for_renewals(address)).cloned().collect();
    assert_eq!(postbox.recipients(), expected);

    postbox.clear();
    extend(&server, ALICE_GUEST, "roleEligibility").await.expect(201);
    extend(&server, SUE, "roleAssignment").await.expect(201);
    deliver(&server).await;
    let expected: Vec<String> = all.iter().filter(|address| !address.contains("enduser")).cloned().collect();
    assert_eq!(postbox.recipients(), expected);
}

/// Asks for more time for oneself.
async fn extend(server: &Harness, who: ObjectId, family: &str) -> Answer {
    let body = json!({"properties": {"principalId": who, "roleDefinitionId": role(), "requestType": "SelfExtend",
        "justification": "not done", "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P60D"}}}});
    server.as_(who).put(&pim(&format!("{family}ScheduleRequests/{}", new_id())), body).await
}

#[tokio::test]
async fn more_time_is_decided_by_those_who_may_give_it_and_never_by_who_asks() {
    let server = guarded_with(Harness::start().await);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = extend(&server, ALICE_GUEST, "roleEligibility").await.expect(201);
    let event = "eligibility.renewal_waiting";
    let subject = |to: &str| {
        let of = |o: &&Outgoing| o.name.contains(&format!("/{event}/")) && address(o) == to;
        outbox(&server).iter().find(of).map(|o| o.subject.clone()).unwrap()
    };
    assert!(subject(SAM_MAIL).starts_with("Decision needed: "));
    assert!(subject(ALICE_MAIL).starts_with("Alice Backup asks to keep "));
    let cancel = format!("roleEligibilityScheduleRequests/{}/cancel", asked["name"].as_str().unwrap());
    server.as_(SAM).post(&pim(&cancel), Value::Null).await.expect(200);
    assert_eq!(told(&server, "eligibility.renewal_denied"), [ALICE_MAIL, SAM_MAIL]);

    // Sam is the only one who could decide about himself.
    assign(&server, SAM).await.expect(201);
    extend(&server, SAM, "roleAssignment").await.expect(201);
    let about = |o: &&Outgoing| o.name.contains("/assignment.renewal_waiting/");
    let subjects: Vec<String> = outbox(&server).iter().filter(about).map(|o| o.subject.clone()).collect();
    assert_eq!(subjects, ["Sam Security asks to keep Backup MUA Operator on g"]);
}

#[tokio::test]
async fn critical_alone_leaves_what_calls_for_an_action() {
    let server = guarded_with(Harness::start().await);
    name_approver(&server, sam()).await.expect(200);
    set_rules(&server, rule_names().iter().map(|name| rule(name, "Critical", true, &[])).collect()).await;
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    decide(&server, SAM, &asked, "Deny").await.expect(200);
    let all: Vec<(String, String)> =
        outbox(&server).iter().map(|o| (address(o).to_string(), o.subject.clone())).collect();
    let subject = "Approval needed: Alice Backup asks for Backup MUA Operator on g";
    assert_eq!(all, [(SAM_MAIL.to_string(), subject.to_string())]);
    set_rules(&server, rule_names().iter().map(|name| rule(name, "None", true, &[])).collect()).await;
    activate(&server, "PT1H").await.expect(201);
    assert_eq!(outbox(&server).len(), 1);
}

#[tokio::test]
async fn what_was_refused_is_told_to_nobody() {
    let server = guarded_with(Harness::start().await);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let before = outbox(&server).len();
    assert_eq!(activate(&server, "PT1H").await.status, 400, "there is no approver");
    assert_eq!(make_eligible(&server, ALICE_GUEST).await.status, 400, "she is eligible");
    assert_eq!(outbox(&server).len(), before);
}

#[tokio::test]
async fn the_end_of_an_activation_is_told_however_it_comes() {
    let server = guarded_with(Harness::start().await);
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    let cancel = format!("roleAssignmentScheduleRequests/{}/cancel", asked["name"].as_str().unwrap());
    server.as_(ALICE_GUEST).post(&pim(&cancel), Value::Null).await.expect(200);
    assert_eq!(told(&server, "activation.canceled"), [ALICE_MAIL, SAM_MAIL]);

    let asked = activate(&server, "PT1H").await.expect(201);
    decide(&server, SAM, &asked, "Approve").await.expect(200);
    let back = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "SelfDeactivate"}});
    let request = format!("roleAssignmentScheduleRequests/{}", new_id());
    server.as_(ALICE_GUEST).put(&pim(&request), back).await.expect(201);
    assert_eq!(told(&server, "activation.deactivated"), [ALICE_MAIL, SAM_MAIL]);

    let asked = activate(&server, "PT1H").await.expect(201);
    decide(&server, SAM, &asked, "Approve").await.expect(200);
    // Whoever is not eligible any more loses what rested on that.
    let remove = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "AdminRemove"}});
    let request = format!("roleEligibilityScheduleRequests/{}", new_id());
    server.as_(SAM).put(&pim(&request), remove).await.expect(201);
    assert_eq!(told(&server, "eligibility.removed"), [ALICE_MAIL, SAM_MAIL]);
    assert_eq!(told(&server, "activation.revoked"), [ALICE_MAIL, SAM_MAIL]);
}

fn look_at_the_clock(server: &Harness) {
    server::mail::overdue(server.running.app()).unwrap();
}

#[tokio::test]
async fn what_time_does_is_told_once() {
    let server = guarded_with(Harness::start().await);
    look_at_the_clock(&server);
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    activate(&server, "PT1H").await.expect(201);
    let count = |event: &str| told(&server, event).len();
    server.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    look_at_the_clock(&server);
    assert_eq!(count("activation.timed_out"), 0);
    server.advance(SignedDuration::from_secs(1));
    for _ in 0..2 {
        look_at_the_clock(&server);
        assert_eq!(told(&server, "activation.timed_out"), [ALICE_MAIL, SAM_MAIL]);
    }
    // The eligibility lasts for 30 days.
    server.advance(SignedDuration::from_hours(15 * 24) - SignedDuration::from_secs(1));
    look_at_the_clock(&server);
    assert_eq!(count("eligibility.ending"), 0);
    server.advance(SignedDuration::from_secs(1));
    for _ in 0..2 {
        look_at_the_clock(&server);
        let ending: Vec<String> = outbox(&server)
            .iter()
            .filter(|outgoing| outgoing.name.contains("/eligibility.ending/"))
            .map(|outgoing| address(outgoing).to_string())
            .collect();
        assert_eq!(ending, [ALICE_MAIL, SAM_MAIL]);
    }
    server.advance(SignedDuration::from_hours(14 * 24));
    look_at_the_clock(&server);
    look_at_the_clock(&server);
    assert_eq!(count("eligibility.ended"), 2);
}

#[tokio::test]
async fn a_server_that_has_no_time_now_is_asked_again() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    postbox.refuse("RCPT", "451 4.7.1 greylisted\r\n");
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    deliver(&server).await;
    assert_eq!(postbox.recipients().len(), 1, "one was put off, the other taken");
    let waiting: Vec<Outgoing> = outbox(&server).into_iter().filter(Outgoing::is_open).collect();
    assert_eq!((waiting.len(), waiting[0].attempts), (1, 1));
    assert!(waiting[0].trouble.as_deref().unwrap().contains("451"), "{:?}", waiting[0].trouble);
    deliver(&server).await;
    assert_eq!(postbox.recipients().len(), 1, "not before its time");
    server.advance(SignedDuration::from_secs(20));
    deliver(&server).await;
    assert_eq!(postbox.recipients(), [ALICE_MAIL, SAM_MAIL]);
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_and_shown() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    postbox.refuse("RCPT", "550 5.1.1 no such user\r\n");
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    deliver(&server).await;
    server.advance(SignedDuration::from_hours(80));
    deliver(&server).await;
    assert_eq!(postbox.recipients().len(), 1);
    let given_up: Vec<Outgoing> = outbox(&server)
        .into_iter()
        .filter(|outgoing| matches!(outgoing.delivery, Delivery::GivenUp { .. }))
        .collect();
    assert_eq!((given_up.len(), given_up[0].attempts), (1, 1));
    assert!(given_up[0].trouble.as_deref().unwrap().contains("550"), "{:?}", given_up[0].trouble);
    let metrics = server.anonymous("GET", "/metrics").await.text;
    for line in ["{channel=\"mail\",outcome=\"given_up\"} 1", "{channel=\"mail\",outcome=\"sent\"} 1"] {
        assert!(metrics.contains(&format!("countersign_outgoing_total{line}")), "{metrics}");
    }
}

#[tokio::test]
async fn a_wrong_password_gives_up_nothing() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    // Such an answer is about who we are and not about the mail, whatever command it is for.
    postbox.refuse("MAIL", "530 5.7.0 authentication required\r\n");
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    deliver(&server).await;
    server.advance(SignedDuration::from_secs(20));
    deliver(&server).await;
    assert_eq!(postbox.recipients(), [ALICE_MAIL, SAM_MAIL]);
}

#[tokio::test]
async fn a_mail_whose_fate_is_not_known_is_sent_again_as_the_same() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    // The server accepts it, and the answer is lost.
    postbox.refuse(".", "");
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    deliver(&server).await;
    server.advance(SignedDuration::from_secs(20));
    deliver(&server).await;
    let mails = postbox.mails();
    assert_eq!(mails.len(), 3);
    let twice = mails.iter().filter(|mail| mail.data == mails[0].data).count();
    assert_eq!(twice, 2, "the same bytes, and so the same Message-ID");
}

#[tokio::test]
async fn a_server_that_died_while_sending_leaves_a_claim_that_ends() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    let other = uuid::Uuid::from_u128(77);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    deliver(&server).await;
    postbox.clear();
    // As if another one had claimed one of them, and ended.
    let sent = outbox(&server).remove(0);
    let claimed = Outgoing { delivery: Delivery::Sending { by: other, since: server.now() }, ..sent };
    server.running.app().store.transact(|tx| tx.put(&claimed)).unwrap();
    server.advance(SignedDuration::from_mins(10) - SignedDuration::from_secs(1));
    one_pass(&server).await;
    assert_eq!(postbox.mails().len(), 0);
    server.advance(SignedDuration::from_secs(1));
    deliver(&server).await;
    assert_eq!(postbox.mails().len(), 1);
    let sent = outbox(&server).into_iter().find(|outgoing| outgoing.name == claimed.name).unwrap();
    assert_eq!(sent.attempts, 2);
    assert!(sent.trouble.unwrap().contains("not known whether it arrived"));
}

#[tokio::test]
async fn mails_of_one_pass_share_a_connection() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    deliver(&server).await;
    assert_eq!(postbox.mails().len(), 2);
    assert!(postbox.connections() <= 2, "the server's own worker may have had its turn, too");
}

#[tokio::test]
async fn without_a_mail_server_the_outbox_keeps_them_until_they_are_old() {
    let server = guarded_with(Harness::start().await);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    one_pass(&server).await;
    assert!(outbox(&server).iter().all(Outgoing::is_open));
    server.advance(SignedDuration::from_hours(73));
    one_pass(&server).await;
    for outgoing in outbox(&server) {
        assert!(matches!(outgoing.delivery, Delivery::GivenUp { .. }), "{outgoing:?}");
        assert!(outgoing.trouble.unwrap().contains("no SMTP server"));
    }
}

#[tokio::test]
async fn whoever_has_no_address_is_shown() {
    let server = guarded_with(Harness::start().await);
    server.seed(|tx| {
        let mut alice: directory::User = tx.get(&ALICE_GUEST.to_string())?.unwrap();
        alice.mail = Some("not an address".into());
        tx.put(&alice)
    });
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let hopeless: Vec<Outgoing> = outbox(&server).into_iter().filter(|o| !o.is_open()).collect();
    assert_eq!(hopeless.len(), 1);
    assert!(hopeless[0].trouble.as_deref().unwrap().contains("no usable mail address"));
}

#[tokio::test]
async fn markup_and_header_lines_in_a_reason_stay_text() {
    let postbox = Postbox::open();
    let server = posting_to(&postbox).await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    deliver(&server).await;
    postbox.clear();
    // A display name can hold anything that its own organisation wants.
    server.seed(|tx| {
        let mut alice: directory::User = tx.get(&ALICE_GUEST.to_string())?.unwrap();
        alice.display_name = "Alice\r\nBcc: eve@evil.example\r\n\r\n<script>x</script>".into();
        tx.put(&alice)
    });
    let reason = "<img src=https://evil.example/x> & \"quoted\"";
    let body = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "SelfActivate",
        "justification": reason, "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT1H"}}}});
    let path = pim(&format!("roleAssignmentScheduleRequests/{}", new_id()));
    server.as_(ALICE_GUEST).put(&path, body).await.expect(201);
    deliver(&server).await;
    for mail in postbox.mails() {
        assert_eq!(mail.header("Bcc"), "");
        assert!(!mail.header("Subject").contains('\n'));
    }
    for outgoing in outbox(&server).iter().filter(|o| o.name.contains("approval_waiting")) {
        let Content::Mail { html, text } = &outgoing.content else { panic!("a mail is a mail") };
        assert!(!html.contains("<img") && !html.contains("<script"), "{html}");
        assert!(text.contains(&format!("Why: \"{reason}\"")), "{text}");
    }
}

#[tokio::test]
async fn a_webhook_is_called_signed_and_again_until_it_answers_well() {
    let hook = Hook::open(&["500 Internal Server Error", "302 Found"]);
    let server = configured(&format!(
        "public_url = \"https://backup.example\"\n[[webhook]]\nname = \"team\"\nkind = \"json\"\n\
         url = \"http://127.0.0.1:{}/in\"\nsecret = \"{SECRET}\"\n",
        hook.port
    ))
    .await;
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let hooks = |server: &Harness| -> Vec<Outgoing> {
        outbox(server).into_iter().filter(|o| matches!(o.to, Destination::Webhook(_))).collect()
    };
    for _ in 0..3 {
        deliver(&server).await;
        server.advance(SignedDuration::from_mins(2));
    }
    assert!(hooks(&server).iter().all(|outgoing| matches!(outgoing.delivery, Delivery::Sent { .. })));
    let calls = hook.calls();
    assert_eq!(calls.len(), 3, "500, then a redirect that is not followed, then 204");
    for call in &calls {
        assert!(call.head.starts_with("POST /in "), "{}", call.head);
        let (id, at) = (call.header("webhook-id"), call.header("webhook-timestamp"));
        assert_eq!(
            (id.as_str(), call.body.as_str()),
            (hooks(&server)[0].id().as_str(), calls[0].body.as_str())
        );
        assert_eq!(call.header("webhook-signature"), signature(&id, &at, &call.body));
    }
    let body: Value = serde_json::from_str(&calls[0].body).unwrap();
    assert_eq!((&body["type"], &body["data"]["who"]), (&json!("eligibility.given"), &json!("Alice Backup")));
    assert!(!calls[0].body.contains("on call") && !calls[0].body.contains('@'), "{}", calls[0].body);
}

/// As the other side computes it, by the specification alone.
fn signature(id: &str, at: &str, body: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let tag = aws_lc_rs::hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[tokio::test]
async fn webhooks_hear_of_alerts_that_come_after_they_were_configured() {
    let hook = Hook::open(&[]);
    let server = configured(&format!(
        "[[webhook]]\nname = \"chat\"\nkind = \"slack\"\nurl = \"http://127.0.0.1:{}/in\"\n",
        hook.port
    ))
    .await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    deliver(&server).await;
    // Alice tries to approve for herself: an alert on the guard.
    assert_eq!(decide(&server, ALICE_GUEST, &asked, "Approve").await.status, 403);
    deliver(&server).await;
    deliver(&server).await;
    let alerts: Vec<Value> = hook
        .calls()
        .iter()
        .map(|call| serde_json::from_str(&call.body).unwrap())
        .filter(|body: &Value| body["text"] == "Sev1: Approval Refused")
        .collect();
    assert_eq!(alerts.len(), 1, "{:?}", hook.calls());
    let guard: Option<ResourceGuard> = server
        .running
        .app()
        .store
        .transact(|tx| tx.resource(&arm::ResourceId::parse(&crate::pim::guard())?))
        .unwrap();
    let guard = guard.unwrap().id.to_string();
    assert!(alerts[0]["blocks"].to_string().contains(&guard), "{}", alerts[0]);
}

#[tokio::test]
async fn the_link_tells_a_stranger_nothing_and_opening_it_decides_nothing() {
    let server = guarded_with(Harness::start().await);
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = activate(&server, "PT1H").await.expect(201);
    let id = asked["name"].as_str().unwrap();
    for id in [id, &new_id().to_string(), "%3Cscript%3E"] {
        let page = server.anonymous("GET", &format!("/portal/approvals/{id}")).await;
        assert_eq!(page.status, 303, "it does not tell which requests there are");
        assert!(page.header("location").starts_with("/portal/sign-in?back=%2Fportal%2Fapprovals%2F"));
        assert!(!page.text.contains("Alice") && !page.text.contains("ticket 1"));
    }
    for method in ["POST", "PATCH", "PUT", "DELETE"] {
        let refused = server.anonymous(method, &format!("/portal/approvals/{id}")).await;
        assert!(refused.status >= 300, "{method}");
    }
    let browser = crate::portal::browser::Browser::of(&server, "sam@fabsec.example").await;
    let opened = server.ledger().len();
    assert!(browser.get(&format!("/portal/approvals/{id}")).await.expect(200).has("ticket 1"));
    for id in [&new_id().to_string(), "%3Cscript%3E"] {
        let none = browser.get(&format!("/portal/approvals/{id}")).await.expect(404);
        assert!(!none.has("<script>"));
    }
    assert_eq!(server.ledger().len(), opened);
    let still =
        server.as_(SAM).get(&pim("roleAssignmentScheduleRequests?$filter=asApprover()")).await.expect(200);
    assert_eq!(still["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_servers_send_each_mail_once() {
    let postbox = Postbox::open();
    let [a, b] = Harness::two_with(settings(&smtp(&postbox))).await;
    let a = guarded_with(a);
    for _ in 0..10 {
        make_eligible(&a, ALICE_GUEST).await.expect(201);
        let remove = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "AdminRemove"}});
        a.as_(SAM)
            .put(&pim(&format!("roleEligibilityScheduleRequests/{}", new_id())), remove)
            .await
            .expect(201);
    }
    // Both at once, besides what each of them does by itself.
    tokio::join!(one_pass(&a), one_pass(&b));
    deliver(&a).await;
    let ids: std::collections::BTreeSet<String> =
        postbox.mails().iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!((postbox.mails().len(), ids.len()), (40, 40));
    assert!(outbox(&a).iter().all(|outgoing| outgoing.attempts == 1));
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_told_once() {
    let server = guarded_with(Harness::start().await);
    let body = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(), "requestType": "AdminAssign",
        "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P30D"}}}});
    let path = pim(&format!("roleEligibilityScheduleRequests/{}", new_id()));
    server.as_(SAM).put(&path, body.clone()).await.expect(201);
    let written = outbox(&server);
    assert_eq!(server.as_(SAM).put(&path, body).await.status, 409);
    assert_eq!(written.len(), 2);
    assert_eq!(outbox(&server), written);
}

#[tokio::test]
async fn a_webhook_that_is_down_holds_up_nothing_else() {
    let (postbox, hook) = (Postbox::open(), Hook::open(&[]));
    let down = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let hooks = [("down", down), ("up", hook.port)].map(|(name, port)| {
        format!("[[webhook]]\nname = \"{name}\"\nkind = \"teams\"\nurl = \"http://127.0.0.1:{port}/\"\n")
    });
    let server = configured(&format!("{}{}", smtp(&postbox), hooks.concat())).await;
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    deliver(&server).await;
    assert_eq!((postbox.mails().len(), hook.calls().len()), (2, 1));
    let [open]: [Outgoing; 1] =
        outbox(&server).into_iter().filter(Outgoing::is_open).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!((open.to, open.attempts), (Destination::Webhook("down".into()), 1));
    let trouble = open.trouble.unwrap();
    assert!(trouble.contains("refused") && !trouble.contains(&down.to_string()), "{trouble}");
}
