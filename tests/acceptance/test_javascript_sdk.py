"""The Azure JavaScript SDK, unmodified: what it reads, and every critical operation that it knows, refused and allowed.

Its API version is older than that of the Python SDKs: it cannot name a guard request for a restore or for encryption,
so that both are refused for as long as the guard protects them.
"""

from types import SimpleNamespace
from uuid import UUID

import pytest

from clients import refused
from javascript import JavaScript
from restic import Restic, credentials_of
from scene import (ask_for_consent, assign, backup_ground, decide, give_back, make_eligible, make_group, make_guard,
                   make_item, make_policy, require_approval_by, stage_of)
from world import ALICE, FABSEC, GUARD_SUB, READER, SAM, VAULT_SUB

VAULT = ("js-vault", "js")
ITEM = (*VAULT, "Azure", "Windows;srv01", "FileFolder;data")
GUEST = ALICE.oids[FABSEC]
DELETE, MODIFY_POLICY = "backupFabrics/protectionContainers/protectedItems/delete", "backupPolicies/write"


@pytest.fixture(scope="module")
def hers(server):
    """Alice, who sends the token of her guest account along."""
    return JavaScript(server, ALICE, VAULT_SUB, also=[FABSEC])


@pytest.fixture(scope="module")
def ground(alice, sam):
    """A vault with one item of each of two hosts; a guard that is not linked yet."""
    vault, item = backup_ground(alice, "js")
    make_policy(alice, vault, "short", 7)
    other = make_item(alice, vault, f"{vault}/backupPolicies/files", host="srv02", name="other")
    make_group(sam, GUARD_SUB, "js-guard")
    guard = make_guard(sam, "js-guard", "guard", description="Ask sam@fabsec.example")
    assign(sam, guard, GUARD_SUB, READER, GUEST)
    make_eligible(sam, guard, GUEST)
    require_approval_by(sam, guard, SAM.oid)
    return SimpleNamespace(vault=vault, item=item, other=other, guard=guard)


@pytest.fixture(scope="module")
def guarded(hers, ground):
    """The vault under the guard, by the SDK; gives the guard request of each operation as the proxy lists them."""
    made = hers.get("resourceGuardProxy.put", *VAULT, "VaultProxy",
                    {"properties": {"resourceGuardResourceId": ground.guard}})
    assert made["properties"]["description"] == "Ask sam@fabsec.example"
    [proxy] = hers.get("resourceGuardProxies.list", *VAULT)
    assert proxy["id"] == made["id"]
    return {each["vaultCriticalOperation"].removeprefix("Microsoft.RecoveryServices/vaults/"):
            each["defaultResourceRequest"] for each in proxy["properties"]["resourceGuardOperationDetails"]}


@pytest.fixture(scope="module")
def restore(server, hers, alice, ground, tmp_path_factory):
    """Restores the only recovery point of the item."""
    restic = Restic(server, credentials_of(alice, ground.item), tmp_path_factory.mktemp("restic"))
    assert restic.post("snapshots", b"a snapshot").status_code == 200
    [point] = hers.get("recoveryPoints.list", *ITEM)
    order = {"properties": {"objectType": "IaasVMRestoreRequest"}}
    return lambda: hers.run("restores.beginTriggerAndWait", *ITEM, point["name"], order)


@pytest.fixture
def consent(sam, alice_as_guest, ground, guarded):
    """Alice activates Backup MUA Operator and Sam approves; she gives it back at the end."""
    given = []

    def give():
        given.append(ask_for_consent(alice_as_guest, ground.guard, GUEST))
        decide(sam, stage_of(sam, ground.guard, given[-1]))

    yield give
    for _ in given:
        give_back(alice_as_guest, ground.guard, GUEST)


def item(hers):
    return hers.get("protectedItems.get", *ITEM)["properties"]


def restores(hers):
    return hers.get("backupJobs.list", *VAULT, filter="operation eq 'Restore'")


def encryption(hers):
    return hers.get("backupResourceEncryptionConfigs.get", *VAULT)["properties"]["encryptionAtRestType"]


def encrypt(hers):
    """Makes the vault use a key of its owner's."""
    hers.get("backupResourceEncryptionConfigs.update", *VAULT, {"properties": {
        "encryptionAtRestType": "CustomerManaged", "keyUri": "https://keys.example/keys/js/1"}})


def unlock(hers, request, target=None):
    body = {"resourceGuardOperationRequests": [request], "resourceToBeDeleted": target}
    return hers.get("resourceGuardProxy.unlockDelete", *VAULT, "VaultProxy", body)


def steps(hers, guarded, vault):
    """What is critical and asked for with the guard's request: (how, the request, what tells whether it was done)."""
    def config():
        return hers.get("backupResourceVaultConfigs.get", *VAULT)["properties"]["softDeleteFeatureState"]

    def soft_delete(method):
        def step(ids):
            return hers.get(f"backupResourceVaultConfigs.{method}", *VAULT, {"properties": {
                "softDeleteFeatureState": "Disabled", "enhancedSecurityState": "Disabled",
                "resourceGuardOperationRequests": ids}})
        return step

    def retention():
        return days_of(hers.get("protectionPolicies.get", *VAULT, "files"))

    def weaker_policy(ids):
        policy = hers.get("protectionPolicies.get", *VAULT, "files")
        policy["properties"]["retentionPolicy"]["dailySchedule"]["retentionDuration"]["count"] = 10
        policy["properties"]["resourceGuardOperationRequests"] = ids
        return hers.get("protectionPolicies.createOrUpdate", *VAULT, "files", policy)

    def put_item(**properties):
        def step(ids):
            return hers.get("protectedItems.createOrUpdate", *ITEM, {"properties": {
                "protectedItemType": "MabFileFolderProtectedItem", "resourceGuardOperationRequests": ids,
                **properties}})
        return step

    items = "backupFabrics/protectionContainers/protectedItems/write"
    return {
        "modify policy": (weaker_policy, guarded[MODIFY_POLICY], retention),
        "modify protection": (put_item(policyId=f"{vault}/backupPolicies/short"), guarded[items],
                              lambda: item(hers)["policyId"]),
        "stop protection": (put_item(policyId="", protectionState="ProtectionStopped"),
                            guarded[f"{items}#stopProtectionWithRetainData"],
                            lambda: item(hers)["protectionState"]),
        "disable soft delete": (soft_delete("update"), guarded["backupconfig/write"], config),
        "disable soft delete by PUT": (soft_delete("put"), guarded["backupconfig/write"], config),
    }


def days_of(policy):
    return policy["properties"]["retentionPolicy"]["dailySchedule"]["retentionDuration"]["count"]


def test_what_the_sdk_reads(hers, ground):
    assert {each["name"] for each in hers.get("backupPolicies.list", *VAULT)} >= {"files", "short", "DefaultPolicy"}
    listed = hers.get("backupProtectedItems.list", *VAULT, filter="backupManagementType eq 'MAB'")
    assert {each["id"] for each in listed} == {ground.item, ground.other}
    assert item(hers)["protectedItemType"] == "MabFileFolderProtectedItem"
    assert item(hers)["policyId"] == f"{ground.vault}/backupPolicies/files"
    containers = hers.get("backupProtectionContainers.list", *VAULT, filter="backupManagementType eq 'MAB'")
    assert {each["properties"]["friendlyName"] for each in containers} == {"srv01", "srv02"}
    with refused("ResourceNotFound"):
        hers.get("protectionPolicies.get", *VAULT, "none")


def test_long_running_operations_end_by_the_sdks_own_pollers(hers, ground, restore):
    hers.get("protectionPolicies.createOrUpdate", *VAULT, "passing",
             {"properties": hers.get("protectionPolicies.get", *VAULT, "short")["properties"]})
    hers.get("protectionPolicies.beginDeleteAndWait", *VAULT, "passing")
    assert "passing" not in {each["name"] for each in hers.get("backupPolicies.list", *VAULT)}
    registered = hers.get("protectionContainers.beginRegisterAndWait", *VAULT, "Azure", "Windows;srv03", {
        "properties": {"containerType": "Windows", "backupManagementType": "MAB", "friendlyName": "srv03"}})
    assert registered["properties"]["friendlyName"] == "srv03"

    restored = restore()
    assert restored.statuses[0] == 202 and restored.poll and len(restored.statuses) > 1
    [job] = restores(hers)
    assert job["properties"]["status"] == "Completed"


def test_what_weakens_takes_consent(hers, ground, guarded, consent):
    critical = steps(hers, guarded, ground.vault)
    for step, request, state in critical.values():
        before = state()
        with refused("UserErrorResourceGuardOperationRequestMissing", match="Ask sam@fabsec.example"):
            step(None)
        with refused("LinkedAuthorizationFailed"):
            step([request])
        assert state() == before
    consent()
    for name, (step, request, state) in critical.items():
        before = state()
        with refused("UserErrorResourceGuardOperationRequestMissing"):
            step(None)
        step([request])
        assert state() != before, name
        if name.startswith("disable soft delete"):  # to protect more takes nobody
            hers.get("backupResourceVaultConfigs.update", *VAULT, {"properties": {
                "softDeleteFeatureState": "Enabled", "enhancedSecurityState": "Enabled"}})
            assert state() == before


def test_an_item_is_deleted_with_consent_and_comes_back_without(server, hers, ground, guarded, consent):
    request = guarded[DELETE]
    with refused("UserErrorDeleteNotUnlocked"):
        hers.get("protectedItems.delete", *ITEM)
    with refused("LinkedAuthorizationFailed"):
        unlock(hers, request, ground.item)
    assert not item(hers).get("isScheduledForDeferredDelete")

    consent()
    with refused("LinkedAuthorizationFailed", match="x-ms-authorization-auxiliary"):  # it is the guest who may
        unlock(JavaScript(server, ALICE, VAULT_SUB), request, ground.item)
    with refused("UserErrorDeleteNotUnlocked"):
        hers.get("protectedItems.delete", *ITEM)
    assert unlock(hers, request, ground.item)["unlockDeleteExpiryTime"].endswith("Z")
    deleted = hers.run("protectedItems.delete", *ITEM)
    assert item(hers)["isScheduledForDeferredDelete"] is True and item(hers)["deferredDeleteTimeInUTC"]
    # The SDK has no poller for this one, but it reads how the operation went.
    assert deleted.statuses == [202]
    operation = UUID(deleted.poll.split("?")[0].rsplit("/")[-1])
    assert hers.get("backupOperationStatuses.get", *VAULT, str(operation))["status"] == "Succeeded"


def test_undeleting_takes_nobody(hers, guarded):
    assert item(hers)["isScheduledForDeferredDelete"] is True
    hers.get("protectedItems.createOrUpdate", *ITEM, {"properties": {
        "protectedItemType": "MabFileFolderProtectedItem", "policyId": "", "protectionState": "ProtectionStopped",
        "isRehydrate": True}})
    assert not item(hers).get("isScheduledForDeferredDelete")
    assert item(hers)["protectionState"] == "ProtectionStopped"


def test_what_cannot_name_its_guard_request_is_refused_even_with_consent(hers, guarded, restore, consent):
    consent()
    before = len(restores(hers))
    for step in restore, lambda: encrypt(hers):
        with refused("UserErrorResourceGuardOperationRequestMissing"):
            step()
    assert len(restores(hers)) == before and encryption(hers) == "MicrosoftManaged"


def test_the_security_pin_takes_consent(hers, guarded, consent):
    asked = {"resourceGuardOperationRequests": [guarded["backupSecurityPIN/action"]]}
    with refused("UserErrorResourceGuardOperationRequestMissing"):
        hers.get("securityPINs.get", *VAULT)
    with refused("LinkedAuthorizationFailed"):
        hers.get("securityPINs.get", *VAULT, parameters=asked)
    consent()
    answer = hers.get("securityPINs.get", *VAULT, parameters=asked)
    assert len(answer["securityPIN"]) == 6 and answer["securityPIN"].isdigit() and answer["token"]
    assert answer["expiryTimeInUtcTicks"] > 638_000_000_000_000_000


def test_the_guard_is_removed_only_with_consent(hers, guarded, restore, consent):
    request = guarded["backupResourceGuardProxies/delete"]
    with refused("UserErrorDeleteNotUnlocked"):
        hers.get("resourceGuardProxy.delete", *VAULT, "VaultProxy")
    with refused("LinkedAuthorizationFailed"):
        unlock(hers, request)
    assert hers.get("resourceGuardProxies.list", *VAULT)
    consent()
    unlock(hers, request)
    hers.get("resourceGuardProxy.delete", *VAULT, "VaultProxy")
    assert hers.get("resourceGuardProxies.list", *VAULT) == []
    # And with it goes the need to ask.
    before = len(restores(hers))
    restore()
    encrypt(hers)
    assert len(restores(hers)) == before + 1 and encryption(hers) == "CustomerManaged"
