//! The story, act by act. Every step that must be refused is checked to be refused, and every other to succeed: a demo
//! that tells a lie fails.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::narrator::Narrator;
use super::restic::Repository;
use super::stage::Stage;

const OPERATOR: &str = "f54b6d04-23c6-443e-b462-9c16ab7b4a52";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const PIM: &str = "providers/Microsoft.Authorization";

/// Tells the story against a server that has just been started.
pub(crate) fn tell(stage: &Stage, source: &Path, narrator: &Narrator) -> anyhow::Result<()> {
    let o = &stage.organisations;
    let ca = stage.ca();
    let alice = Client::sign_in(&stage.origin, &ca, &o.alice, &o.backup_tenant, Some(&o.security_tenant))?;
    let sam = Client::sign_in(&stage.origin, &ca, &o.sam, &o.security_tenant, None)?;
    let story =
        Story { stage, narrator, alice, sam, names: Names::of(stage), source: source.canonicalize()? };
    story.backup()?;
    story.guard()?;
    story.attack()?;
    let activation = story.consent()?;
    story.delete_with_consent()?;
    story.undelete()?;
    story.end_of_consent(&activation)
}

/// The resources of the story.
struct Names {
    backup_group: String,
    vault: String,
    policy: String,
    container: String,
    item: String,
    security_group: String,
    guard: String,
}

impl Names {
    fn of(stage: &Stage) -> Self {
        let o = &stage.organisations;
        let backup_group = format!("/subscriptions/{}/resourceGroups/backup", o.backup_subscription);
        let vault = format!("{backup_group}/providers/Microsoft.RecoveryServices/vaults/production");
        let container = format!("{vault}/backupFabrics/Azure/protectionContainers/Windows;fileserver");
        let security_group = format!("/subscriptions/{}/resourceGroups/security", o.security_subscription);
        Self {
            policy: format!("{vault}/backupPolicies/thirty-days"),
            item: format!("{container}/protectedItems/FileFolder;documents"),
            guard: format!("{security_group}/providers/Microsoft.DataProtection/resourceGuards/guard"),
            backup_group,
            vault,
            container,
            security_group,
        }
    }

    fn proxy(&self) -> String {
        format!("{}/backupResourceGuardProxies/VaultProxy", self.vault)
    }

    fn request(&self, kind: &str) -> String {
        format!("{}/{kind}/default", self.guard)
    }
}

struct Story<'a> {
    stage: &'a Stage,
    narrator: &'a Narrator,
    alice: Client,
    sam: Client,
    names: Names,
    source: PathBuf,
}

impl Story<'_> {
    /// Says what is done, does it, and says what was answered.
    fn step(
        &self,
        who: &Client,
        what: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Answer> {
        self.narrator.act(who.name, what, &format!("{method} {}", short(path)));
        let answer = who.call(method, path, body.as_ref())?;
        self.narrator.answer(&answer);
        Ok(answer)
    }

    fn allowed(
        &self,
        who: &Client,
        what: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Answer> {
        self.step(who, what, method, path, body)?.done().with_context(|| what.to_string())
    }

    fn refused(
        &self,
        who: &Client,
        what: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        code: &str,
    ) -> anyhow::Result<()> {
        let answer = self.step(who, what, method, path, body)?;
        match answer.code() {
            Some(found) if found == code => Ok(()),
            found => bail!(
                "{what}: expected the refusal {code}, got {} {}",
                answer.status,
                found.unwrap_or("success")
            ),
        }
    }

    fn quietly(&self, who: &Client, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        who.call(method, path, body.as_ref())?.done().with_context(|| format!("{method} {path}"))
    }

    fn backup(&self) -> anyhow::Result<()> {
        self.narrator.chapter("1. A real backup");
        let (alice, names) = (&self.alice, &self.names);
        self.register(alice, &self.stage.organisations.backup_subscription)?;
        self.quietly(alice, "PUT", &names.backup_group, Some(json!({"location": "westeurope"})))?;
        let vault = json!({"location": "westeurope", "sku": {"name": "Standard"}, "properties": {}});
        self.allowed(alice, "creates a vault", "PUT", &names.vault, Some(vault))?;
        self.allowed(alice, "keeps backups for 30 days", "PUT", &names.policy, Some(policy(30)))?;
        let container = json!({"properties": {"containerType": "Windows", "backupManagementType": "MAB", "friendlyName": "fileserver"}});
        self.quietly(alice, "PUT", &names.container, Some(container))?;
        let item = json!({"properties": {"protectedItemType": "MabFileFolderProtectedItem",
            "friendlyName": "documents", "policyId": names.policy}});
        self.allowed(alice, "protects a folder of the file server", "PUT", &names.item, Some(item))?;
        let credentials =
            self.quietly(alice, "POST", &format!("{}/repositoryCredentials", names.item), None)?;
        self.remember_repository(&credentials)?;
        self.first_snapshot()
    }

    fn first_snapshot(&self) -> anyhow::Result<()> {
        let (alice, names) = (&self.alice, &self.names);
        let repository = self.repository()?;
        repository.run(&self.source, &["init"])?.done()?;
        self.narrator.act("restic", &format!("backs up {}", self.source.display()), "restic backup .");
        let said = repository.run(
            &self.source,
            &[
                "backup",
                ".",
                "--exclude",
                "target",
                "--exclude",
                "demo-data",
                "--exclude",
                &self.stage.folder.display().to_string(),
            ],
        )?;
        self.narrator.note(said.last_line());
        said.done()?;
        let points = self.quietly(alice, "GET", &format!("{}/recoveryPoints", names.item), None)?;
        let count = points.body.pointer("/value").and_then(Value::as_array).map_or(0, Vec::len);
        ensure!(count == 1, "the vault lists {count} recovery points after one backup");
        self.narrator.note("The vault lists one recovery point.");
        Ok(())
    }

    fn guard(&self) -> anyhow::Result<()> {
        self.narrator.chapter("2. The security team puts a guard in front of it, in a tenant of its own");
        let (alice, sam, names, o) = (&self.alice, &self.sam, &self.names, &self.stage.organisations);
        self.register(sam, &o.security_subscription)?;
        self.quietly(sam, "PUT", &names.security_group, Some(json!({"location": "westeurope"})))?;
        let guard = json!({"location": "westeurope", "properties": {
            "description": "Call the security desk, extension 4711, with a ticket number."}});
        self.allowed(sam, "creates a Resource Guard", "PUT", &names.guard, Some(guard))?;
        let reader = json!({"properties": {"principalId": o.alice_in_security, "principalType": "User",
            "roleDefinitionId": self.role(READER)}});
        let assignment = format!("{}/{PIM}/roleAssignments/{}", names.guard, o.new_id());
        self.allowed(sam, "lets Alice see the guard, and no more", "PUT", &assignment, Some(reader))?;
        let policy = self.role_policy()?;
        let approver = json!({"properties": {"rules": [{
            "id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule",
            "setting": {"isApprovalRequired": true, "approvalMode": "SingleStage", "isRequestorJustificationRequired": true,
                "approvalStages": [{"approvalStageTimeOutInDays": 1, "isApproverJustificationRequired": true,
                    "primaryApprovers": [{"id": o.sam_id, "userType": "User", "description": "Sam Security", "isBackup": false}]}]}}]}});
        self.allowed(sam, "names himself as the approver", "PATCH", &policy, Some(approver))?;
        let eligible = json!({"properties": {"principalId": o.alice_in_security, "roleDefinitionId": self.role(OPERATOR),
            "requestType": "AdminAssign", "justification": "backup administrator on duty",
            "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P180D"}}}});
        let request = format!("{}/{PIM}/roleEligibilityScheduleRequests/{}", names.guard, o.new_id());
        self.allowed(sam, "makes Alice eligible to ask for consent", "PUT", &request, Some(eligible))?;
        let link = json!({"properties": {"resourceGuardResourceId": names.guard}});
        self.allowed(alice, "links the vault to the guard", "PUT", &names.proxy(), Some(link))?;
        Ok(())
    }

    fn attack(&self) -> anyhow::Result<()> {
        self.narrator
            .chapter("3. Somebody steals Alice's account. She owns the vault, so everything seems open");
        let (alice, names) = (&self.alice, &self.names);
        let delete = json!({"resourceGuardOperationRequests": [names.request("deleteProtectedItemRequests")],
            "resourceToBeDeleted": names.item});
        let unlock = format!("{}/unlockDelete", names.proxy());
        let linked = "LinkedAuthorizationFailed";
        self.refused(alice, "deletes the backup", "DELETE", &names.item, None, "UserErrorDeleteNotUnlocked")?;
        self.refused(alice, "unlocks the deletion first", "POST", &unlock, Some(delete), linked)?;
        let remove =
            json!({"resourceGuardOperationRequests": [names.request("deleteResourceGuardProxyRequests")]});
        self.refused(alice, "removes multi-user authorization", "POST", &unlock, Some(remove), linked)?;
        let config = format!("{}/backupconfig/vaultconfig", names.vault);
        let off = json!({"properties": {"softDeleteFeatureState": "Disabled"}});
        let code = "UserErrorResourceGuardOperationRequestMissing";
        self.refused(alice, "switches soft delete off", "PATCH", &config, Some(off), code)?;
        let mut shorter = policy(1);
        if let Some(properties) = shorter.pointer_mut("/properties").and_then(Value::as_object_mut) {
            let request = names.request("updateProtectionPolicyRequests");
            properties.insert("resourceGuardOperationRequests".into(), json!([request]));
        }
        self.refused(alice, "keeps backups for one day only", "PUT", &names.policy, Some(shorter), linked)?;
        self.refused(
            alice,
            "reads the backup out of the vault",
            "POST",
            &self.restore_path()?,
            Some(restore(&[])),
            code,
        )
    }

    /// The activation: asked for, not approved by oneself, approved by Sam. Returns the body that ends it.
    fn consent(&self) -> anyhow::Result<Value> {
        self.narrator.chapter("4. The real Alice has a reason, and asks");
        let (names, o) = (&self.names, &self.stage.organisations);
        let alice = self.alice.elsewhere()?;
        let activate = json!({"properties": {"principalId": o.alice_in_security, "roleDefinitionId": self.role(OPERATOR),
            "requestType": "SelfActivate", "justification": "ticket 1234: the file server is retired",
            "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT1H"}}}});
        let request = format!("{}/{PIM}/roleAssignmentScheduleRequests/{}", names.guard, o.new_id());
        let asked = self.allowed(&alice, "asks for one hour of consent", "PUT", &request, Some(activate))?;
        self.narrator.note(&format!("Status: {}", asked.text("/properties/status")?));
        let approval = asked.text("/properties/approvalId")?;
        let yes = json!({"properties": {"reviewResult": "Approve", "justification": "looks fine to me"}});
        let stage = self.first_stage(&approval)?;
        let answer = self.step(&alice, "approves her own request", "PATCH", &stage, Some(yes.clone()))?;
        ensure!(answer.code().is_some(), "Alice could approve her own request");
        self.allowed(&self.sam, "checks the ticket and approves", "PATCH", &stage, Some(yes))?;
        let now = self.quietly(&alice, "GET", &request, None)?;
        self.narrator.note(&format!("Status: {}", now.text("/properties/status")?));
        Ok(json!({"properties": {"principalId": o.alice_in_security, "roleDefinitionId": self.role(OPERATOR),
            "requestType": "SelfDeactivate"}}))
    }

    fn delete_with_consent(&self) -> anyhow::Result<()> {
        self.narrator.chapter("5. With consent the deletion goes through, and can still be undone");
        let (alice, names) = (&self.alice, &self.names);
        let delete = json!({"resourceGuardOperationRequests": [names.request("deleteProtectedItemRequests")],
            "resourceToBeDeleted": names.item});
        let unlock = format!("{}/unlockDelete", names.proxy());
        self.allowed(alice, "unlocks the deletion", "POST", &unlock, Some(delete))?;
        self.allowed(alice, "deletes the backup", "DELETE", &names.item, None)?;
        let item = self.quietly(alice, "GET", &names.item, None)?;
        let until = item.text("/recoverableUntil")?;
        self.narrator.note(&format!("It is soft-deleted, and recoverable until {until}."));
        let said = self.repository()?.run(&self.source, &["snapshots"])?;
        ensure!(!said.succeeded, "the repository of a deleted item can still be read");
        self.narrator.note("Its repository is closed: restic snapshots fails.");
        Ok(())
    }

    fn undelete(&self) -> anyhow::Result<()> {
        self.narrator.chapter("6. It was the wrong folder. Undeleting needs nobody's consent");
        let (alice, names) = (&self.alice, &self.names);
        let body = json!({"properties": {"protectedItemType": "MabFileFolderProtectedItem",
            "protectionState": "ProtectionStopped", "isRehydrate": true, "policyId": ""}});
        self.allowed(alice, "undeletes it", "PUT", &names.item, Some(body))?;
        self.read_back()
    }

    /// Reading backup data takes consent, which Alice still has.
    fn read_back(&self) -> anyhow::Result<()> {
        let body = restore(&[self.names.request("triggerRestoreRequests")]);
        let path = self.restore_path()?;
        self.allowed(&self.alice, "opens it for reading, with consent", "POST", &path, Some(body))?;
        let repository = self.repository()?;
        self.narrator.act(
            "restic",
            "reads and checks every byte of the repository",
            "restic check --read-data",
        );
        let said = repository.run(&self.source, &["check", "--read-data"])?;
        self.narrator.note(said.last_line());
        said.done()?;
        let file = some_file(&self.source)?;
        let target = self.stage.folder.join("restored");
        self.narrator.act("restic", &format!("restores {}", file.display()), "restic restore latest");
        let include = format!("/{}", file.display());
        let whole = format!("{}{include}", self.source.display());
        let target_text = target.display().to_string();
        repository
            .run(
                &self.source,
                &["restore", "latest", "--target", &target_text, "--include", &include, "--include", &whole],
            )?
            .done()?;
        let restored = find_restored(&target, &self.source, &file)?;
        ensure!(fs::read(&restored)? == fs::read(self.source.join(&file))?, "the restored file differs");
        self.narrator.note("It is the same, byte for byte.");
        Ok(())
    }

    fn end_of_consent(&self, deactivation: &Value) -> anyhow::Result<()> {
        self.narrator.chapter("7. Consent ends");
        let (names, o) = (&self.names, &self.stage.organisations);
        let request = format!("{}/{PIM}/roleAssignmentScheduleRequests/{}", names.guard, o.new_id());
        let alice = self.alice.elsewhere()?;
        self.allowed(&alice, "gives the activation back", "PUT", &request, Some(deactivation.clone()))?;
        let delete = json!({"resourceGuardOperationRequests": [names.request("deleteProtectedItemRequests")],
            "resourceToBeDeleted": names.item});
        let unlock = format!("{}/unlockDelete", names.proxy());
        self.refused(
            &self.alice,
            "tries once more",
            "POST",
            &unlock,
            Some(delete),
            "LinkedAuthorizationFailed",
        )
    }

    /// The address that restores the one recovery point.
    fn restore_path(&self) -> anyhow::Result<String> {
        let points = format!("{}/recoveryPoints", self.names.item);
        let name = self.quietly(&self.alice, "GET", &points, None)?.text("/value/0/name")?;
        Ok(format!("{points}/{name}/restore"))
    }

    fn register(&self, who: &Client, subscription: &str) -> anyhow::Result<()> {
        for namespace in ["Microsoft.RecoveryServices", "Microsoft.DataProtection"] {
            self.quietly(
                who,
                "POST",
                &format!("/subscriptions/{subscription}/providers/{namespace}/register"),
                None,
            )?;
        }
        Ok(())
    }

    fn role(&self, role: &str) -> String {
        let subscription = &self.stage.organisations.security_subscription;
        format!("/subscriptions/{subscription}/{PIM}/roleDefinitions/{role}")
    }

    /// The id of the policy that says how Backup MUA Operator on the guard is activated.
    fn role_policy(&self) -> anyhow::Result<String> {
        let filter = format!("roleDefinitionId%20eq%20'{}'", self.role(OPERATOR));
        let path = format!("{}/{PIM}/roleManagementPolicyAssignments?$filter={filter}", self.names.guard);
        self.quietly(&self.sam, "GET", &path, None)?.text("/value/0/properties/policyId")
    }

    /// The address of an approval's one stage, as its approver finds it.
    fn first_stage(&self, approval: &str) -> anyhow::Result<String> {
        self.quietly(&self.sam, "GET", approval, None)?.text("/properties/stages/0/id")
    }

    /// Keeps the repository's address and credentials for this story and for who wants to try restic afterwards.
    fn remember_repository(&self, answer: &Answer) -> anyhow::Result<()> {
        let (user, secret) = (answer.text("/userName")?, answer.text("/secret")?);
        let url = answer.text("/repositoryUrl")?;
        let rest = url.strip_prefix("https://").context("the repository's address is not https")?;
        fs::write(
            self.stage.folder.join("repository.txt"),
            format!("rest:https://{user}:{secret}@{rest}\n"),
        )?;
        Ok(())
    }

    fn repository(&self) -> anyhow::Result<Repository> {
        let address = fs::read_to_string(self.stage.folder.join("repository.txt"))?;
        Ok(Repository {
            address: address.trim().to_string(),
            ca: self.stage.ca(),
            password: self.stage.organisations.repository_password.clone(),
        })
    }
}

fn restore(requests: &[String]) -> Value {
    json!({"properties": {"objectType": "IaasVMRestoreRequest", "recoveryType": "OriginalLocation",
        "resourceGuardOperationRequests": requests}})
}

fn policy(days: u32) -> Value {
    let time = "2026-01-01T02:00:00Z";
    json!({"properties": {"backupManagementType": "MAB",
        "schedulePolicy": {"schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Daily",
            "scheduleRunTimes": [time], "scheduleWeeklyFrequency": 0},
        "retentionPolicy": {"retentionPolicyType": "LongTermRetentionPolicy",
            "dailySchedule": {"retentionTimes": [time], "retentionDuration": {"count": days, "durationType": "Days"}}}}})
}

/// The end of a long path, from the provider on.
fn short(path: &str) -> String {
    match path.rfind("/providers/Microsoft.") {
        Some(_) if path.matches("/providers/").count() > 1 => tail(path),
        Some(at) => format!("…{}", path.get(at + "/providers".len()..).unwrap_or(path)),
        None => path.to_string(),
    }
}

/// Of an extension resource, the resource it belongs to and the extension.
fn tail(path: &str) -> String {
    let first = path.find("/providers/").unwrap_or(0);
    format!("…{}", path.get(first + "/providers".len()..).unwrap_or(path))
}

/// The first file with something in it, in the order of names, relative to the folder.
fn some_file(folder: &Path) -> anyhow::Result<PathBuf> {
    fn search(folder: &Path, below: &Path) -> anyhow::Result<Option<PathBuf>> {
        let mut entries: Vec<_> = fs::read_dir(folder.join(below))?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in &entries {
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_file() && entry.metadata()?.len() > 0 && !hidden(&path) {
                return Ok(Some(path));
            }
        }
        for entry in &entries {
            let path = below.join(entry.file_name());
            let left_out = entry.file_name() == "target" || entry.file_name() == "demo-data" || hidden(&path);
            if entry.file_type()?.is_dir()
                && !left_out
                && let Some(found) = search(folder, &path)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
    search(folder, Path::new(""))?
        .with_context(|| format!("`{}` holds no file that could be restored", folder.display()))
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// restic restores below the target with the path it saw, relative or absolute.
fn find_restored(target: &Path, source: &Path, file: &Path) -> anyhow::Result<PathBuf> {
    let relative = target.join(file);
    let absolute = target.join(source.strip_prefix("/").unwrap_or(source)).join(file);
    [relative, absolute]
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| format!("restic restored nothing to {}", target.display()))
}
