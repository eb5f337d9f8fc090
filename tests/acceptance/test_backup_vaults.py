"""A Backup vault, by the Azure Python SDK, the az CLI and restic: a disk's instance, its guard, and all that needs consent.

az has no command of its own for Backup vaults without an extension that is not to be had here; it uses `az rest`.
"""

from types import SimpleNamespace

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.core.policies import AuxiliaryAuthenticationPolicy
from azure.mgmt.dataprotection import DataProtectionMgmtClient
from azure.mgmt.dataprotection.models import (
    AbsoluteDeleteOption, AzureBackupParams, AzureBackupRecoveryPointBasedRestoreRequest, AzureBackupRule,
    AzureRetentionRule, BackupInstance, BackupInstanceResource, BackupPolicy, BackupSchedule, BackupVault,
    BackupVaultResource, BaseBackupPolicyResource, DataStoreInfoBase, Datasource, EncryptionSettings,
    ImmutabilitySettings, PatchBackupVaultInput, PatchResourceRequestInput, PolicyInfo, ResourceGuardProxyBase,
    ResourceGuardProxyBaseResource, RestoreTargetInfo, RetentionTag, ScheduleBasedTriggerContext, SecuritySettings,
    SoftDeleteSettings, SourceLifeCycle, StopProtectionRequest, StorageSetting, SuspendBackupRequest, TaggingCriteria,
    UnlockDeleteRequest, ValidateForBackupRequest, ValidateRestoreRequestObject)

from clients import SignedIn, refused
from restic import Restic, credentials_of
from scene import assign, make_group, make_guard
from world import (ALICE, CONTOSO, FABSEC, GUARD_SUB, MUA_OPERATOR, READER, REGION, VAULT_SUB, backup_vault_id,
                   group_id)

DISKS, IN_VAULT, PROXY = "Microsoft.Compute/disks", ("bv", "bvault"), "DppResourceGuardProxy"
INSTANCE = (*IN_VAULT, "disk1-disk1")
GUEST = ALICE.oids[FABSEC]
VAULT = backup_vault_id(*IN_VAULT)


@pytest.fixture(scope="module")
def hers(server, alice, sam):
    """Alice's client, which sends the token of her guest account along."""
    patch = pytest.MonkeyPatch()
    patch.setenv("REQUESTS_CA_BUNDLE", str(server.ca))
    make_group(alice, VAULT_SUB, "bv")
    scope = f"{server.origin}/.default"
    aux = AuxiliaryAuthenticationPolicy([SignedIn(server, ALICE, FABSEC)], scope)
    yield DataProtectionMgmtClient(SignedIn(server, ALICE, CONTOSO), VAULT_SUB, base_url=server.origin,
                                   credential_scopes=[scope], per_call_policies=[aux])
    patch.undo()


def policy(days):
    """Daily, and kept for so many days."""
    operational = DataStoreInfoBase(data_store_type="OperationalStore", object_type="DataStoreInfoBase")
    trigger = ScheduleBasedTriggerContext(
        schedule=BackupSchedule(repeating_time_intervals=["R/2026-01-01T02:00:00+00:00/P1D"]),
        tagging_criteria=[TaggingCriteria(is_default=True, tagging_priority=99,
                                          tag_info=RetentionTag(tag_name="Default"))])
    kept = SourceLifeCycle(source_data_store=operational, delete_after=AbsoluteDeleteOption(duration=f"P{days}D"))
    return BaseBackupPolicyResource(properties=BackupPolicy(datasource_types=[DISKS], policy_rules=[
        AzureBackupRule(name="BackupDaily", data_store=operational, trigger=trigger,
                        backup_parameters=AzureBackupParams(backup_type="Incremental")),
        AzureRetentionRule(name="Default", is_default=True, lifecycles=[kept])]))


def disk(policy_name, requests=None):
    source = f"{group_id(VAULT_SUB, 'bv')}/providers/{DISKS}/disk1"
    return BackupInstance(
        object_type="BackupInstance", friendly_name="disk1", resource_guard_operation_requests=requests,
        data_source_info=Datasource(datasource_type=DISKS, object_type="Datasource", resource_id=source,
                                    resource_name="disk1", resource_type=DISKS, resource_location=REGION),
        policy_info=PolicyInfo(policy_id=f"{VAULT}/backupPolicies/{policy_name}"))


def denied(code):
    return pytest.raises(HttpResponseError, match=rf"\({code}\)")


@pytest.fixture(scope="module")
def vault(hers):
    made = hers.backup_vaults.begin_create_or_update(*IN_VAULT, BackupVaultResource(
        location=REGION, properties=BackupVault(
            security_settings=SecuritySettings(
                soft_delete_settings=SoftDeleteSettings(state="On", retention_duration_in_days=30.0),
                immutability_settings=ImmutabilitySettings(state="Disabled"),
                encryption_settings=EncryptionSettings(state="Enabled")),
            storage_settings=[StorageSetting(datastore_type="VaultStore", type="LocallyRedundant")]))).result()
    for name, days in ("long", 30), ("short", 7):
        hers.backup_policies.create_or_update(*IN_VAULT, name, policy(days))
    hers.backup_instances.begin_validate_for_backup(
        *IN_VAULT, ValidateForBackupRequest(backup_instance=disk("long"))).result()
    hers.backup_instances.begin_create_or_update(
        *INSTANCE, BackupInstanceResource(properties=disk("long"))).result()
    return made


@pytest.fixture(scope="module")
def point(server, alice, vault, tmp_path_factory):
    """A recovery point that real restic made."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "letter").write_text("Dear backup")
    restic = Restic(server, credentials_of(alice, f"{VAULT}/backupInstances/{INSTANCE[2]}"), folder / "cache")
    restic.run("init")
    restic.run("backup", folder / "letter")
    [name] = restic.snapshots()
    return SimpleNamespace(name=name, restic=restic)


@pytest.fixture(scope="module")
def guard(alice, sam, hers, vault):
    """A guard of Sam's that protects everything, and the link to it."""
    make_group(sam, GUARD_SUB, "bv-guard")
    made = make_guard(sam, "bv-guard", "guard", description="Ask sam@fabsec.example")
    assign(sam, made, GUARD_SUB, READER, GUEST)
    hers.dpp_resource_guard_proxy.create_or_update(*IN_VAULT, PROXY, ResourceGuardProxyBaseResource(
        properties=ResourceGuardProxyBase(resource_guard_resource_id=made)))
    return made


@pytest.fixture
def consent(sam, guard):
    """Gives Sam's consent, and takes it back at the end."""
    given = []
    yield lambda: given.append(assign(sam, guard, GUARD_SUB, MUA_OPERATOR, GUEST)["id"])
    for each in given:
        sam.rest("DELETE", each)


def state(hers):
    return hers.backup_instances.get(*INSTANCE).properties.current_protection_state


def test_the_vault_and_what_is_in_it(hers, vault, point):
    assert vault.id == VAULT and vault.properties.provisioning_state == "Succeeded"
    assert vault.properties.security_settings.soft_delete_settings.retention_duration_in_days == 30.0
    assert vault.properties.is_vault_protected_by_resource_guard is False
    assert [each.name for each in hers.backup_vaults.get_in_resource_group("bv")] == ["bvault"]
    assert {each.name for each in hers.backup_policies.list(*IN_VAULT)} == {"long", "short"}
    [instance] = hers.backup_instances.list(*IN_VAULT)
    assert instance.properties.data_source_info.resource_name == "disk1"
    assert state(hers) == "ProtectionConfigured"
    [made] = hers.recovery_points.list(*INSTANCE)
    assert made.properties.recovery_point_id == point.name
    assert hers.recovery_points.get(*INSTANCE, made.name).properties.recovery_point_state == "Completed"
    assert {"ConfigureProtection", "Backup"} <= {each.properties.operation for each in hers.jobs.list(*IN_VAULT)}
    patch = PatchResourceRequestInput(tags={"by": "sdk"})
    assert hers.backup_vaults.begin_update(*IN_VAULT, patch).result().tags == {"by": "sdk"}


def test_protection_stops_and_goes_on(hers, vault):
    for stop, resume, stopped in (
            (hers.backup_instances.begin_stop_protection, hers.backup_instances.begin_resume_protection,
             "ProtectionStopped"),
            (hers.backup_instances.begin_suspend_backups, hers.backup_instances.begin_resume_backups,
             "BackupsSuspended")):
        stop(*INSTANCE).result()
        assert state(hers) == stopped
        resume(*INSTANCE).result()
        assert state(hers) == "ProtectionConfigured"


def steps(hers, point, requests):
    """Every critical operation that is asked for in a request, by the guard request that it takes."""
    def settings(**changed):
        return lambda ids: hers.backup_vaults.begin_update(*IN_VAULT, PatchResourceRequestInput(
            properties=PatchBackupVaultInput(security_settings=SecuritySettings(**changed),
                                             resource_guard_operation_requests=ids))).result()

    def restore(ids):
        order = AzureBackupRecoveryPointBasedRestoreRequest(
            recovery_point_id=point.name, source_data_store_type="VaultStore",
            restore_target_info=RestoreTargetInfo(
                recovery_option="FailIfExists", restore_location=REGION,
                datasource_info=disk("long").data_source_info, object_type="RestoreTargetInfo"),
            resource_guard_operation_requests=ids)
        hers.backup_instances.begin_trigger_restore(*INSTANCE, order).result()

    instances = hers.backup_instances
    named = {
        "write#reduceSoftDeleteSecurity": settings(
            soft_delete_settings=SoftDeleteSettings(retention_duration_in_days=20.0)),
        "write#modifyEncryptionSettings": settings(encryption_settings=EncryptionSettings(state="Disabled")),
        "write#reduceImmutabilityState": settings(
            immutability_settings=ImmutabilitySettings(state="Disabled")),
        "backupInstances/write": lambda ids: instances.begin_create_or_update(
            *INSTANCE, BackupInstanceResource(properties=disk("short", ids))).result(),
        "backupInstances/suspendBackups/action": lambda ids: instances.begin_suspend_backups(
            *INSTANCE, SuspendBackupRequest(resource_guard_operation_requests=ids)).result(),
        "backupInstances/stopProtection/action": lambda ids: instances.begin_stop_protection(
            *INSTANCE, StopProtectionRequest(resource_guard_operation_requests=ids)).result(),
        "backupInstances/restore/action": restore,
    }
    return {name: (step, [requests[name]]) for name, step in named.items()}


def requests_of(hers):
    """The guard request of each operation, as the vault's proxy lists them."""
    proxy = hers.dpp_resource_guard_proxy.get(*IN_VAULT, PROXY)
    return {each.vault_critical_operation.removeprefix("Microsoft.DataProtection/backupVaults/"):
            each.default_resource_request for each in proxy.properties.resource_guard_operation_details}


def unlock(hers, request, target=None):
    return hers.dpp_resource_guard_proxy.unlock_delete(*IN_VAULT, PROXY, UnlockDeleteRequest(
        resource_guard_operation_requests=[request], resource_to_be_deleted=target))


def test_nothing_that_weakens_gets_through_and_with_consent_all_of_it(hers, sam, point, guard, consent):
    # What can be switched off must be on; that takes nobody.
    hers.backup_vaults.begin_update(*IN_VAULT, PatchResourceRequestInput(properties=PatchBackupVaultInput(
        security_settings=SecuritySettings(immutability_settings=ImmutabilitySettings(state="Unlocked"))))).result()
    requests = requests_of(hers)
    assert len(requests) == 9
    assert hers.backup_vaults.get(*IN_VAULT).properties.is_vault_protected_by_resource_guard is True
    immutable = {"backupInstances/write"}  # nor could anybody consent to that while the vault is immutable
    critical = steps(hers, point, requests)
    for name, (step, ids) in critical.items():
        if name in immutable:
            continue
        with denied("UserErrorResourceGuardOperationRequestMissing"):
            step(None)
        with denied("LinkedAuthorizationFailed"):
            step(ids)
    instance = hers.backup_instances.get(*INSTANCE)
    for request, target in ((requests["backupInstances/delete"], instance.id),
                            (requests["backupResourceGuardProxies/delete"], None)):
        with denied("LinkedAuthorizationFailed"):
            unlock(hers, request, target)
    with denied("UserErrorDeleteNotUnlocked"):
        hers.dpp_resource_guard_proxy.delete(*IN_VAULT, PROXY)
    assert state(hers) == "ProtectionConfigured"

    consent()
    first = "write#reduceImmutabilityState"
    for name in [first, *(name for name in critical if name != first)]:
        step, ids = critical[name]
        if name == "backupInstances/write":
            with denied("UserErrorResourceGuardOperationRequestMissing"):
                step(None)
        step(ids)
    assert state(hers) == "ProtectionStopped"
    settings = hers.backup_vaults.get(*IN_VAULT).properties.security_settings
    assert settings.immutability_settings.state == "Disabled"
    assert settings.soft_delete_settings.retention_duration_in_days == 20.0
    [job] = [each for each in hers.jobs.list(*IN_VAULT) if each.properties.operation == "Restore"]
    told = hers.jobs.get(*IN_VAULT, job.name).properties.extended_info.additional_details
    assert told["Snapshot"] == point.name and told["Repository"] == f"{point.restic.base.rstrip('/')}@{point.name}/"

    with denied("UserErrorDeleteNotUnlocked"):
        hers.backup_instances.begin_delete(*INSTANCE).result()
    assert unlock(hers, requests["backupInstances/delete"], instance.id).unlock_delete_expiry_time.endswith("Z")
    hers.backup_instances.begin_delete(*INSTANCE).result()
    [kept] = hers.deleted_backup_instances.list(*IN_VAULT)
    assert kept.properties.deletion_info.scheduled_purge_time


def test_what_was_deleted_comes_back_without_anybody(hers, guard):
    with denied("ResourceNotFound"):
        hers.backup_instances.get(*INSTANCE)
    hers.deleted_backup_instances.begin_undelete(*INSTANCE).result()
    assert state(hers) == "ProtectionStopped"
    hers.backup_instances.begin_resume_protection(*INSTANCE).result()
    assert state(hers) == "ProtectionConfigured"
    with denied("UserErrorGenericResourceNotFound"):
        hers.deleted_backup_instances.get(*INSTANCE)


def test_az_is_refused_alike_and_removes_the_guard_only_with_consent(terminal, hers, sam, guard, consent):
    at_alices = terminal(ALICE).sign_in()
    proxy = f"{VAULT}/backupResourceGuardProxies/{PROXY}"
    off = {"properties": {"securitySettings": {"softDeleteSettings": {"state": "Off"}}}}
    with refused("UserErrorResourceGuardOperationRequestMissing", match="Ask sam@fabsec.example"):
        at_alices.rest("PATCH", VAULT, off)
    with refused("UserErrorDeleteNotUnlocked"):
        at_alices.rest("DELETE", proxy)
    consent()
    unlock(hers, requests_of(hers)["backupResourceGuardProxies/delete"])
    at_alices.rest("DELETE", proxy)
    assert list(hers.dpp_resource_guard_proxy.list(*IN_VAULT)) == []
    at_alices.rest("PATCH", VAULT, off)
    shown = at_alices.rest("GET", VAULT)["properties"]
    assert shown["isVaultProtectedByResourceGuard"] is False
    assert shown["securitySettings"]["softDeleteSettings"]["state"] == "Off"
    # Without soft delete and without a guard, an instance goes at once, and then the vault can.
    hers.backup_instances.begin_delete(*INSTANCE).result()
    assert list(hers.deleted_backup_instances.list(*IN_VAULT)) == []
    hers.backup_vaults.begin_delete(*IN_VAULT).result()
    with denied("ResourceNotFound"):
        hers.backup_vaults.get(*IN_VAULT)
