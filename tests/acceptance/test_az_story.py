"""Alice and Sam, each at a terminal with the real az CLI: what is refused, and what consent makes possible.

Where az has no command of its own, or one that is known not to work (azure-clients: B1, B2, B4), they use `az rest`.
"""

import json
from types import SimpleNamespace

import pytest

from clients import refused
from scene import (ask_for_consent, assign, backup_ground, decide, give_back, mab_policy, make_eligible, make_guard,
                   make_group, require_approval_by, stage_of, status_of, undelete)
from world import (ALICE, BOB, CONTRIBUTOR, FABSEC, GUARD_SUB, OPERATORS, READER, SAM, VAULT_SUB, group_id, proxy_id,
                   vault_id)

VAULT = "-g story -n story-vault"
IN_VAULT = "-g story -v story-vault"
ITEM = "-c 'Windows;srv01' -i 'FileFolder;data'"
TO_FABSEC = f"--tenant-id {FABSEC}"
GUEST = ALICE.oids[FABSEC]


@pytest.fixture(scope="module")
def ground(alice, sam):
    """What az has no commands for is laid out beforehand: a protected item, a guard, and Alice as a reader of it."""
    vault, item = backup_ground(alice, "story")
    make_group(sam, GUARD_SUB, "story-guard")
    guard = make_guard(sam, "story-guard", "guard", description="Ask sam@fabsec.example")
    assign(sam, guard, GUARD_SUB, READER, GUEST)
    return SimpleNamespace(vault=vault, item=item, guard=guard)


@pytest.fixture(scope="module")
def at_alices(terminal, ground):
    return terminal(ALICE).sign_in()


@pytest.fixture(scope="module")
def at_sams(terminal, ground):
    return terminal(SAM).sign_in()


def names(found):
    return {each["name"] for each in found}


def keep_for(person, days, folder):
    """The command that makes the vault's DefaultPolicy keep `days` days: az wants the whole policy in a file."""
    policy = person.az(f"backup policy show {IN_VAULT} -n DefaultPolicy")
    policy["properties"]["retentionPolicy"]["dailySchedule"]["retentionDuration"]["count"] = days
    file = folder / f"{days}.json"
    file.write_text(json.dumps(policy))
    return f"backup policy set {IN_VAULT} -n DefaultPolicy --policy '@{file}'"


def soft_delete_state(person):
    config = vault_id("story", "story-vault") + "/backupconfig/vaultconfig"
    return person.rest("GET", config)["properties"]["softDeleteFeatureState"]


def test_groups_and_providers(at_alices):
    az = at_alices.az
    assert az("group create -n errand -l eastus --tags team=backup")["properties"]["provisioningState"] == "Succeeded"
    assert az("group show -n ERRAND")["tags"] == {"team": "backup"}  # ids are compared without regard to case
    assert az("group exists -n errand") is True
    assert "errand" in names(az("group list"))
    az("group delete -n errand --yes")
    assert az("group exists -n errand") is False
    with refused("ResourceGroupNotFound"):
        az("group show -n errand")
    az("provider register -n Microsoft.RecoveryServices")
    assert az("provider show -n Microsoft.RecoveryServices")["registrationState"] == "Registered"


def test_people_and_groups(at_alices):
    az = at_alices.az
    assert az(f"ad user show --id {BOB.upn}")["id"] == BOB.oid
    assert {ALICE.upn, BOB.upn} <= {user["userPrincipalName"] for user in az("ad user list")}
    assert az("ad group show -g 'Backup operators'")["id"] == OPERATORS
    assert [member["id"] for member in az("ad group member list -g 'Backup operators'")] == [ALICE.oid]


def test_roles_are_assigned_listed_and_taken_away(at_alices):
    az, scope = at_alices.az, group_id(VAULT_SUB, "story")
    assert len(az("role definition list")) >= 9
    made = az(f"role assignment create --assignee {BOB.upn} --role 'Backup Reader' --scope {scope}")
    assert made["principalId"] == BOB.oid and made["principalType"] == "User"
    again = az(f"role assignment create --assignee {BOB.oid} --role 'Backup Reader' --scope {scope}")
    assert again["id"] == made["id"], "assigning twice is not an error to az"
    az(f"role assignment create --assignee-object-id {OPERATORS} --assignee-principal-type Group --role Reader "
       f"--scope {scope}")
    listed = {(each["principalName"], each["roleDefinitionName"]) for each in
              az(f"role assignment list --scope {scope}")}
    assert listed == {(BOB.upn, "Backup Reader"), ("Backup operators", "Reader")}
    assert [each["scope"] for each in az(f"role assignment list --all --assignee {BOB.upn}")] == [scope]
    az(f"role assignment delete --assignee {BOB.upn} --scope {scope}")
    az(f"role assignment delete --assignee {OPERATORS} --scope {scope}")
    assert az(f"role assignment list --scope {scope}") == []
    with refused("AuthorizationFailed"):  # Fabrikam's subscription is not hers to give roles in
        az(f"role assignment create --assignee-object-id {GUEST} --assignee-principal-type User "
           f"--role Owner --scope /subscriptions/{GUARD_SUB} --subscription {GUARD_SUB}")


def test_a_lock_protects_the_guard_itself(at_sams, ground):
    az = at_sams.az
    az(f"lock create -n keep --lock-type CanNotDelete --resource {ground.guard}")
    assert "keep" in names(az(f"lock list --resource {ground.guard}"))
    with refused("ScopeLocked"):
        at_sams.rest("DELETE", ground.guard)
    [lock] = [each for each in az("lock list") if each["name"] == "keep"]
    az(f"lock delete --ids {lock['id']}")
    assert "keep" not in names(az("lock list"))


def test_vaults_and_policies_without_a_guard(at_alices, tmp_path):
    az = at_alices.az
    made = az("backup vault create -g story -n plain -l eastus")
    assert made["properties"]["securitySettings"]["softDeleteSettings"]["softDeleteState"].lower() == "alwayson"
    assert {"story-vault", "plain"} <= names(az("backup vault list -g story"))
    settings = [each for each in az("backup vault backup-properties show -g story -n plain")
                if each["name"] == "vaultconfig"]
    assert settings[0]["properties"]["softDeleteFeatureState"].lower() == "alwayson"
    assert names(az("backup policy list -g story -v plain")) == {"DefaultPolicy", "EnhancedPolicy", "HourlyLogBackup"}
    policy = az("backup policy get-default-for-vm -g story -v plain")
    policy["properties"]["retentionPolicy"]["dailySchedule"]["retentionDuration"]["count"] = 7
    file = tmp_path / "week.json"
    file.write_text(json.dumps(policy))
    az(f"backup policy create -g story -v plain -n week --policy '@{file}' --backup-management-type AzureIaasVM")
    assert "week" in names(az("backup policy list -g story -v plain"))
    az("backup policy delete -g story -v plain -n week")
    az("backup vault delete -g story -n plain --yes")
    assert "plain" not in names(az("backup vault list -g story"))


def test_items_as_az_shows_them(at_alices, ground):
    [listed] = at_alices.az(f"backup item list {IN_VAULT}")
    assert listed["id"].lower() == ground.item.lower()
    shown = at_alices.az(f"backup item show {IN_VAULT} -c 'Windows;srv01' -n 'FileFolder;data'")
    assert shown["properties"]["policyName"] == "files"
    assert len(at_alices.az(f"backup container list {IN_VAULT} --backup-management-type MAB")) == 1


# The story: a stolen administrator account cannot destroy the backup; with Sam's consent Alice can, for as long as it
# lasts. Each test leaves the vault under its guard and the item alive; only the last one takes the guard away.

STOP_SOFT_DELETE = f"backup vault backup-properties set {VAULT} --soft-delete-feature-state Disable"
DELETE_ITEM = f"backup protection disable {IN_VAULT} {ITEM} --delete-backup-data true --yes"
REMOVE_GUARD = f"backup vault resource-guard-mapping delete {VAULT} --yes"


@pytest.fixture(scope="module")
def guarded(at_alices, ground):
    """The vault goes under the guard, which takes no more than being allowed to look at it."""
    at_alices.az(f"backup vault resource-guard-mapping update {VAULT} --resource-guard-id {ground.guard} {TO_FABSEC}")
    return ground


@pytest.fixture(scope="module")
def eligible(at_sams, guarded):
    make_eligible(at_sams, guarded.guard, GUEST)
    return guarded


@pytest.fixture(scope="module")
def approver(at_sams, eligible):
    require_approval_by(at_sams, eligible.guard, SAM.oid)
    return at_sams


def test_the_mapping_says_which_guard_and_whom_to_ask(at_alices, guarded):
    mapping = at_alices.az(f"backup vault resource-guard-mapping show {VAULT}")["properties"]
    assert mapping["resourceGuardResourceId"].lower() == guarded.guard.lower()
    assert mapping["description"] == "Ask sam@fabsec.example"
    shown = at_alices.az(f"backup vault show {VAULT}")
    assert shown["properties"]["securitySettings"]["multiUserAuthorization"] == "Enabled"


def test_nothing_that_weakens_the_vault_gets_through(at_alices, guarded, tmp_path):
    shorten = keep_for(at_alices, 7, tmp_path)
    for command in STOP_SOFT_DELETE, shorten, DELETE_ITEM, REMOVE_GUARD:
        with refused("LinkedAuthorizationFailed", match="Ask sam@fabsec.example"):
            at_alices.az(f"{command} {TO_FABSEC}")
    with refused("LinkedAuthorizationFailed"):  # nor without a token of the guard's directory
        at_alices.az(STOP_SOFT_DELETE)
    for left in guarded.item, proxy_id(guarded.vault):
        with refused("UserErrorDeleteNotUnlocked"):
            at_alices.rest("DELETE", left)
    with refused("UserErrorResourceGuardOperationRequestMissing"):
        at_alices.rest("PUT", f"{guarded.vault}/backupPolicies/files", mab_policy(7))
    assert soft_delete_state(at_alices) == "Enabled"


def test_what_strengthens_it_stays_free(at_alices, guarded, tmp_path):
    at_alices.az(keep_for(at_alices, 60, tmp_path))
    at_alices.az(f"backup vault backup-properties set {VAULT} --soft-delete-duration 30")


def test_asking_leads_nowhere_while_nobody_is_named_to_approve(at_alices, eligible):
    with refused(match="(?i)approve"):
        ask_for_consent(at_alices, eligible.guard, GUEST)


def test_consent_opens_the_vault_for_as_long_as_it_lasts(at_alices, approver, guarded, tmp_path):
    # Alice asks, and cannot answer herself; asking alone changes nothing.
    request = ask_for_consent(at_alices, guarded.guard, GUEST)
    assert request["properties"]["status"].startswith("PendingApproval")
    stage = stage_of(approver, guarded.guard, request)
    with refused():
        decide(at_alices, stage, why="I am sure")
    with refused("LinkedAuthorizationFailed"):
        at_alices.az(f"{DELETE_ITEM} {TO_FABSEC}")

    # Sam says yes, and the very next request goes through.
    decide(approver, stage)
    assert status_of(approver, guarded.guard, request) == "Provisioned"
    at_alices.az(f"{STOP_SOFT_DELETE} {TO_FABSEC}")
    assert soft_delete_state(at_alices) == "Disabled"
    at_alices.az(f"backup vault backup-properties set {VAULT} --soft-delete-feature-state Enable")
    at_alices.az(f"{keep_for(at_alices, 14, tmp_path)} {TO_FABSEC}")
    at_alices.az(f"{DELETE_ITEM} {TO_FABSEC}")
    gone = at_alices.rest("GET", guarded.item)["properties"]
    assert gone["isScheduledForDeferredDelete"] is True and gone["deferredDeleteTimeInUTC"]

    # She gives the role back, and it is over at once. Deleted is not destroyed: to undo it takes nobody's consent.
    give_back(at_alices, guarded.guard, GUEST)
    undelete(at_alices, guarded.item)
    back = at_alices.rest("GET", guarded.item)["properties"]
    assert not back.get("isScheduledForDeferredDelete") and back["protectionState"] == "ProtectionStopped"
    for command in STOP_SOFT_DELETE, DELETE_ITEM, REMOVE_GUARD:
        with refused("LinkedAuthorizationFailed"):
            at_alices.az(f"{command} {TO_FABSEC}")


def test_whatever_else_az_can_weaken_takes_consent_too(at_alices, approver, guarded, tmp_path):
    az = at_alices.az
    machine = f"{guarded.vault}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;story;web" \
              "/protectedItems/VM;iaasvmcontainerv2;story;web"
    source = f"{group_id(VAULT_SUB, 'story')}/providers/Microsoft.Compute/virtualMachines/web"
    at_alices.rest("PUT", machine, {"properties": {
        "protectedItemType": "Microsoft.Compute/virtualMachines", "sourceResourceId": source,
        "policyId": f"{guarded.vault}/backupPolicies/EnhancedPolicy"}})
    week = az(f"backup policy show {IN_VAULT} -n EnhancedPolicy")
    week["properties"]["retentionPolicy"]["dailySchedule"]["retentionDuration"]["count"] = 7
    file = tmp_path / "week.json"
    file.write_text(json.dumps(week))
    az(f"backup policy create {IN_VAULT} -n week --policy '@{file}' --backup-management-type AzureIaasVM")
    weaker = f"backup item set-policy {IN_VAULT} -c web -n web -p week --backup-management-type AzureIaasVM {TO_FABSEC}"
    # Two that az itself gets wrong: it forgets that the vault was immutable, and so asks for nothing; and it fails when it
    # is to stop protection with a guard in another directory. They are refused, which is the safe side.
    mutable = f"backup vault update {VAULT} --immutability-state Disabled {TO_FABSEC}"
    stop = f"backup protection disable {IN_VAULT} -c web -i web --backup-management-type AzureIaasVM --yes"

    def item():
        return at_alices.rest("GET", machine)["properties"]

    before = item()
    for command in weaker, stop:
        with refused("LinkedAuthorizationFailed"):
            az(command)
    assert item() == before
    decide(approver, stage_of(approver, guarded.guard, ask_for_consent(at_alices, guarded.guard, GUEST)))
    az(weaker)
    assert item()["policyName"] == "week"
    give_back(at_alices, guarded.guard, GUEST)
    az(f"backup vault update {VAULT} --immutability-state Unlocked")
    with refused("UserErrorResourceGuardOperationRequestMissing"):
        az(mutable)


def test_a_denial_is_final_and_a_new_request_may_be_approved(at_alices, approver, guarded):
    denied = ask_for_consent(at_alices, guarded.guard, GUEST)
    decide(approver, stage_of(approver, guarded.guard, denied), "Deny", "not today")
    assert status_of(approver, guarded.guard, denied) == "Denied"
    with refused("LinkedAuthorizationFailed"):
        at_alices.az(f"{REMOVE_GUARD} {TO_FABSEC}")
    decide(approver, stage_of(approver, guarded.guard, ask_for_consent(at_alices, guarded.guard, GUEST)))
    at_alices.az(f"{REMOVE_GUARD} {TO_FABSEC}")
    with refused():
        at_alices.az(f"backup vault resource-guard-mapping show {VAULT}")


def test_what_happened_is_told_to_both_sides_and_handled_by_each(at_alices, at_sams, ground):
    def alerts(person, scope):
        found = person.rest("GET", f"{scope}/providers/Microsoft.AlertsManagement/alerts?pageCount=250")["value"]
        return {each["properties"]["essentials"]["alertRule"]: each for each in found}

    here, there = alerts(at_alices, ground.vault), alerts(at_sams, ground.guard)
    told = {"Critical Operation Refused", "Delete Backup Data", "Soft Delete Disabled for Vault", "MUA Disabled",
            "MUA Enabled", "Modify Policy with Shorter Retention", "Deletion Unlocked"}
    assert told <= here.keys() and told <= there.keys()
    for person, alert in (at_alices, here["MUA Disabled"]), (at_sams, there["MUA Disabled"]):
        assert person.rest("GET", alert["id"])["properties"]["essentials"]["alertState"] == "New"
        person.rest("POST", f"{alert['id']}/changestate?newState=Closed", {"comments": "as agreed"})
        steps = person.rest("GET", f"{alert['id']}/history")["properties"]["modifications"]
        assert [each["modificationEvent"] for each in steps] == ["StateChange", "AlertCreated"]


def test_linking_warns_of_whoever_the_guard_does_not_bind(at_alices, at_sams, ground):
    assign(at_sams, ground.guard, GUARD_SUB, CONTRIBUTOR, GUEST)
    at_alices.az(f"backup vault resource-guard-mapping update {VAULT} --resource-guard-id {ground.guard} {TO_FABSEC}")
    finding, = at_sams.rest("GET", f"{ground.guard}/separationOfDuties")["value"]
    assert finding["name"] == ALICE.upn and finding["vaultId"].lower() == ground.vault.lower()
    right, = finding["resourceGuardRights"]
    assert right["roleDefinitionName"] == "Contributor" and right["principalId"] == GUEST
    at_sams.rest("DELETE", right["roleAssignmentId"])
    assert at_sams.rest("GET", f"{ground.guard}/separationOfDuties")["value"] == []
