//! Who does what: the story of the product, by people and machines who know nothing of each other's timing.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::board::{Access, Board};
use crate::client::{Account, Body, Client, Proof, Sending};
use crate::estate::{
    self, ALICE, ALICE_GUEST, ARM_PORT, BOB, ITEMS, SAM, SUE, config, container, guard, item, pim, policy,
    proxy, request, schedule, vault,
};
use crate::visitors;

/// Alice with her token of the guard's tenant.
const BOTH: [Account; 2] = [ALICE, ALICE_GUEST];

/// Puts up everything there is, while nothing goes wrong yet.
pub async fn set_up(client: Client, board: Arc<Board>) -> turmoil::Result {
    let west = json!({"location": "westeurope"});
    let settings = json!({"location": "westeurope", "sku": {"name": "RS0", "tier": "Standard"},
        "properties": {"securitySettings": {"softDeleteSettings":
            {"softDeleteState": "Enabled", "softDeleteRetentionPeriodInDays": 100}}}});
    let put = async |who: &[Account], path: &str, body: &Value| {
        let answer = client.insist(who, "PUT", path, body).await;
        assert!(answer.succeeded(), "{path}: {} {}", answer.status, answer.body);
        answer
    };
    put(&[ALICE], &vault(), &settings).await;
    put(&[ALICE], &policy(), &estate::policy_body(100)).await;
    put(&[ALICE], &container(), &json!({"properties": {}})).await;
    for name in ITEMS {
        put(&[ALICE], &item(name), &estate::item_body(&json!({"policyId": policy()}))).await;
        issue(&client, &board, name).await;
    }
    put(&[SAM], &guard(), &west).await;
    let filter =
        format!("roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{}'", estate::operator_role());
    let found = client.insist(&[SAM], "GET", &pim(&filter), &Value::Null).await;
    let rules = found.body["value"][0]["properties"]["policyId"].as_str().unwrap().to_string();
    let patched = client.insist(&[SAM], "PATCH", &rules, &estate::approvers()).await;
    assert!(patched.succeeded(), "{}", patched.body);
    put(&[SAM], &estate::assignment(&guard(), client.dice.uuid()), &estate::reader(ALICE_GUEST)).await;
    let eligible = pim(&format!("roleEligibilityScheduleRequests/{}", client.dice.uuid()));
    put(&[SAM], &eligible, &schedule("AdminAssign", "P180D")).await;
    put(&BOTH, &proxy(), &json!({"properties": {"resourceGuardResourceId": guard()}})).await;
    board.open();
    Ok(())
}

/// Issues a credential for an item's repository and hands it over.
async fn issue(client: &Client, board: &Board, name: &'static str) {
    let path = format!("{}/repositoryCredentials", item(name));
    let Some(answer) = client.arm(&[ALICE], "POST", &path, &Value::Null).await else { return };
    let text = |member: &str| answer.body[member].as_str().map(String::from);
    let (Some(user), Some(secret), Some(url)) = (text("userName"), text("secret"), text("repositoryUrl"))
    else {
        return;
    };
    let base = url.split_once(&format!(":{ARM_PORT}")).map(|(_, path)| path.to_string()).unwrap();
    board.access.lock().push(Access { item: name, base, user, secret });
}

/// Alice at one of her desks: she has good reasons for everything she does, and tries it with consent and without.
pub async fn alice(client: Client, board: Arc<Board>) -> turmoil::Result {
    board.opening().await;
    while board.is_open() {
        let name = ITEMS[client.dice.below(ITEMS.len() as u64) as usize];
        match client.dice.below(20) {
            0..4 => activate(&client, &board).await,
            4 => give_back(&client, &board).await,
            5..8 => {
                unlock(&client, "deleteProtectedItemRequests", Some(&item(name))).await;
                match client.dice.below(3) {
                    0 => drop(client.arm(&[ALICE], "DELETE", &item(name), &Value::Null).await),
                    1 => twice(&client, &[ALICE], "DELETE", &item(name), &Value::Null).await,
                    _ => {}
                }
            }
            8 => drop(client.arm(&[ALICE], "DELETE", &item(name), &Value::Null).await),
            9..11 => undelete(&client, name).await,
            11..14 => change_retention(&client).await,
            14..16 => change_policy(&client).await,
            16 => {
                unlock(&client, "deleteResourceGuardProxyRequests", None).await;
                twice(&client, &BOTH, "DELETE", &proxy(), &Value::Null).await;
            }
            17 => {
                let link = json!({"properties": {"resourceGuardResourceId": guard()}});
                client.arm(&BOTH, "PUT", &proxy(), &link).await;
            }
            18 => renew(&client, &board, name).await,
            _ => drop(client.arm(&[ALICE], "GET", &item(name), &Value::Null).await),
        }
        client.pause(0, 60).await;
    }
    Ok(())
}

/// Sends the same to two servers at once.
async fn twice(client: &Client, who: &[Account], method: &'static str, path: &str, body: &Value) {
    tokio::join!(client.arm(who, method, path, body), client.arm(who, method, path, body));
}

async fn activate(client: &Client, board: &Board) {
    let name = client.dice.uuid();
    let length = client.dice.pick(&["PT30M", "PT1H", "PT2H"]).copied().unwrap_or("PT1H");
    let path = pim(&format!("roleAssignmentScheduleRequests/{name}"));
    let answer = client.arm(&[ALICE_GUEST], "PUT", &path, &schedule("SelfActivate", length)).await;
    // She may not have heard of it, and still it may wait for its decision.
    if answer.is_none_or(|answer| answer.succeeded() || answer.status == 503) {
        board.asked.lock().push(name);
    }
}

async fn give_back(client: &Client, board: &Board) {
    let approved = board.approved.lock().clone();
    let Some(target) = approved.last() else { return };
    let mut body = schedule("SelfDeactivate", "");
    body["properties"]["targetRoleAssignmentScheduleId"] = json!(target);
    let path = pim(&format!("roleAssignmentScheduleRequests/{}", client.dice.uuid()));
    client.arm(&[ALICE_GUEST], "PUT", &path, &body).await;
}

async fn unlock(client: &Client, kind: &str, target: Option<&str>) {
    let mut body = json!({"resourceGuardOperationRequests": [request(kind)]});
    if let Some(target) = target {
        body["resourceToBeDeleted"] = json!(target);
    }
    client.arm(&BOTH, "POST", &format!("{}/unlockDelete", proxy()), &body).await;
}

async fn undelete(client: &Client, name: &str) {
    let back = json!({"policyId": "", "protectionState": "ProtectionStopped", "isRehydrate": true});
    client.arm(&[ALICE], "PUT", &item(name), &estate::item_body(&back)).await;
    let resume = estate::item_body(&json!({"policyId": policy()}));
    client.arm(&[ALICE], "PUT", &item(name), &resume).await;
}

fn asking(client: &Client, mut body: Value, kind: &str) -> Value {
    if client.dice.permille(800) {
        body["properties"]["resourceGuardOperationRequests"] = json!([request(kind)]);
    }
    body
}

async fn change_retention(client: &Client) {
    let days = client.dice.within(14, 180);
    let body = json!({"properties": {"softDeleteRetentionPeriodInDays": days}});
    let body = asking(client, body, "disableSoftDeleteRequests");
    client.arm(&BOTH, "PATCH", &config(), &body).await;
}

async fn change_policy(client: &Client) {
    let body = estate::policy_body(client.dice.within(7, 300));
    let body = asking(client, body, "updateProtectionPolicyRequests");
    client.arm(&BOTH, "PUT", &policy(), &body).await;
}

/// Takes an item's credentials away and issues another one.
async fn renew(client: &Client, board: &Board, name: &'static str) {
    let old: Vec<Access> = board.access.lock().iter().filter(|access| access.item == name).cloned().collect();
    for access in old {
        let path = format!("{}/repositoryCredentials/{}", item(name), access.user);
        client.insist(&[ALICE], "DELETE", &path, &Value::Null).await;
        // Her client tries it a little longer.
        client.pause(0, 300).await;
        board.access.lock().retain(|other| other.user != access.user);
    }
    issue(client, board, name).await;
}

/// An approver: decides what waits, yes or no, without asking the other.
pub async fn approver(client: Client, board: Arc<Board>, who: Account) -> turmoil::Result {
    board.opening().await;
    while board.is_open() {
        let asked = board.asked.lock().clone();
        // The latest ones: the others are decided.
        let recent = &asked[asked.len().saturating_sub(2)..];
        if let Some(name) = client.dice.pick(recent) {
            decide(&client, &board, who, *name).await;
        }
        client.pause(10, 200).await;
    }
    Ok(())
}

async fn decide(client: &Client, board: &Board, who: Account, name: uuid::Uuid) {
    let approval = format!("/providers/Microsoft.Authorization/roleAssignmentApprovals/{name}");
    let stages = client.arm(&[who], "GET", &format!("{}{approval}/stages", guard()), &Value::Null).await;
    let Some(stages) = stages else { return };
    if stages.status == 404 && client.dice.permille(300) {
        // It never came to be.
        board.asked.lock().retain(|other| *other != name);
    }
    let Some(stage) = stages.body["value"][0]["id"].as_str() else { return };
    let verdict = if client.dice.permille(800) { "Approve" } else { "Deny" };
    let body = json!({"properties": {"reviewResult": verdict, "justification": "checked"}});
    let answer = match client.dice.permille(300) {
        true => client.arm(&[who], "PATCH", stage, &body).await,
        // Both have talked about it, and both decide.
        false => {
            let (me, other) = ([who], [if who.object == SAM.object { SUE } else { SAM }]);
            let (mine, others) =
                (client.arm(&me, "PATCH", stage, &body), client.arm(&other, "PATCH", stage, &body));
            tokio::join!(mine, others).0
        }
    };
    if answer.as_ref().is_some_and(|answer| answer.status != 503) {
        board.asked.lock().retain(|other| *other != name);
    }
    if verdict == "Approve" && answer.is_none_or(|answer| answer.succeeded()) {
        board.approved.lock().push(name);
    }
}

/// Sam, when he does not approve: he owns the guard, and takes back what he gave.
pub async fn sam(client: Client, board: Arc<Board>) -> turmoil::Result {
    board.opening().await;
    while board.is_open() {
        match client.dice.below(10) {
            0 => lend_directly(&client).await,
            1..3 => revoke(&client, &board).await,
            3 => {
                let gone = pim(&format!("roleEligibilityScheduleRequests/{}", client.dice.uuid()));
                client.insist(&[SAM], "PUT", &gone, &schedule("AdminRemove", "")).await;
                client.pause(50, 400).await;
                let back = pim(&format!("roleEligibilityScheduleRequests/{}", client.dice.uuid()));
                client.insist(&[SAM], "PUT", &back, &schedule("AdminAssign", "P180D")).await;
            }
            4..7 => describe(&client).await,
            _ => drop(client.arm(&[SAM], "GET", &guard(), &Value::Null).await),
        }
        client.pause(50, 400).await;
    }
    Ok(())
}

/// Lends Alice the role without a window, and takes it back.
async fn lend_directly(client: &Client) {
    let path = estate::assignment(&guard(), client.dice.uuid());
    let body = estate::assignment_body(ALICE_GUEST, estate::OPERATOR);
    client.arm(&[SAM], "PUT", &path, &body).await;
    client.pause(50, 500).await;
    client.insist(&[SAM], "DELETE", &path, &Value::Null).await;
}

/// Ends an activation from above: through its request, or by deleting the role assignment behind it.
async fn revoke(client: &Client, board: &Board) {
    let approved = board.approved.lock().clone();
    let Some(name) = approved.last() else { return };
    if client.dice.permille(500) {
        client.insist(&[SAM], "DELETE", &estate::assignment(&guard(), *name), &Value::Null).await;
        return;
    }
    let mut body = schedule("AdminRemove", "");
    body["properties"]["targetRoleAssignmentScheduleId"] = json!(name);
    let path = pim(&format!("roleAssignmentScheduleRequests/{}", client.dice.uuid()));
    client.arm(&[SAM], "PUT", &path, &body).await;
}

/// Describes the guard anew, and sometimes exempts an operation.
async fn describe(client: &Client) {
    let mut properties = json!({"description": format!("call {}", client.dice.uuid())});
    match client.dice.below(6) {
        0 => {
            let policies = "Microsoft.RecoveryServices/vaults/backupPolicies/write";
            properties["vaultCriticalOperationExclusionList"] = json!([policies]);
        }
        1..4 => properties["vaultCriticalOperationExclusionList"] = json!([]),
        _ => {}
    }
    client.arm(&[SAM], "PATCH", &guard(), &json!({"properties": properties})).await;
}

/// The help desk lets Bob look at the vault, and no more; and locks him out for a while.
pub async fn help_desk(client: Client, board: Arc<Board>) -> turmoil::Result {
    board.opening().await;
    while board.is_open() {
        let path = estate::assignment(&vault(), client.dice.uuid());
        client.insist(&[ALICE], "PUT", &path, &estate::reader(BOB)).await;
        client.pause(50, 400).await;
        if client.dice.permille(500) {
            set_enabled(&client, false).await;
            client.pause(50, 300).await;
            set_enabled(&client, true).await;
        }
        client.pause(0, 200).await;
        client.insist(&[ALICE], "DELETE", &path, &Value::Null).await;
        client.pause(50, 300).await;
    }
    Ok(())
}

async fn set_enabled(client: &Client, enabled: bool) {
    let (path, body) = (format!("/v1.0/users/{}", BOB.object), json!({"accountEnabled": enabled}));
    loop {
        match client.graph(ALICE, "PATCH", &path, &body).await {
            Some(answer) if answer.status != 503 => return,
            _ => client.pause(20, 80).await,
        }
    }
}

/// Bob looks.
pub async fn bob(client: Client, board: Arc<Board>) -> turmoil::Result {
    board.opening().await;
    while board.is_open() {
        client.arm(&[BOB], "GET", &vault(), &Value::Null).await;
        client.pause(5, 80).await;
    }
    Ok(())
}

/// A backup client: stores, hides, and stores again.
pub async fn restic(client: Client, board: Arc<Board>) -> turmoil::Result {
    board.opening().await;
    let mut stored: Vec<(String, String)> = Vec::new();
    while board.is_open() {
        let access = client.dice.pick(&board.access.lock()).cloned();
        let Some(access) = access else {
            client.pause(20, 60).await;
            continue;
        };
        let hide = client.dice.permille(250);
        let old = client.dice.pick(&stored).filter(|(base, _)| *base == access.base && hide).cloned();
        let proof = Proof::Basic(&access.user, &access.secret);
        let server = client.some_server();
        if let Some((_, path)) = old {
            let sending = Sending { method: "DELETE", path: &path, proof, body: Body::Nothing };
            client.send(server, ARM_PORT, sending).await;
        } else {
            let kind = client.dice.pick(&["data", "data", "index", "snapshots"]).copied().unwrap_or("data");
            let bytes: Vec<u8> = (0..client.dice.within(1, 3000)).map(|_| client.dice.next() as u8).collect();
            let path = format!("{}{kind}/{}", access.base, ledger::Digest::of(&bytes));
            let sending = Sending { method: "POST", path: &path, proof, body: Body::Bytes(&bytes) };
            client.send(server, ARM_PORT, sending).await;
            // A client whose answer was lost sends it once more, to another server.
            if client.dice.permille(150) {
                let proof = Proof::Basic(&access.user, &access.secret);
                let again = Sending { method: "POST", path: &path, proof, body: Body::Bytes(&bytes) };
                client.send(client.some_server(), ARM_PORT, again).await;
            }
            stored.push((access.base.clone(), path));
        }
        client.pause(10, 120).await;
    }
    Ok(())
}

/// Who takes part, by the names of their machines.
pub const CAST: [&str; 11] = [
    "alice-1",
    "alice-2",
    "sam",
    "approver-sam",
    "approver-sue",
    "help-desk",
    "bob",
    "restic-1",
    "restic-2",
    "sign-in",
    "device",
];

/// Puts somebody on the stage.
pub async fn act(name: &str, client: Client, board: Arc<Board>) -> turmoil::Result {
    match name {
        "sam" => sam(client, board).await,
        "approver-sam" => approver(client, board, SAM).await,
        "approver-sue" => approver(client, board, SUE).await,
        "help-desk" => help_desk(client, board).await,
        "bob" => bob(client, board).await,
        "sign-in" => visitors::sign_ins(client, board).await,
        "device" => visitors::devices(client, board).await,
        name if name.starts_with("restic") => restic(client, board).await,
        _ => alice(client, board).await,
    }
}
