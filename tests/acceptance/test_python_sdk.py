"""The Azure Python SDKs, unmodified: applications in two directories, and people for what only people may do."""

from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2020_10_01.models import (
    RoleAssignmentScheduleRequest, RoleAssignmentScheduleRequestPropertiesScheduleInfo,
    RoleAssignmentScheduleRequestPropertiesScheduleInfoExpiration, RoleEligibilityScheduleRequest,
    RoleEligibilityScheduleRequestPropertiesScheduleInfo,
    RoleEligibilityScheduleRequestPropertiesScheduleInfoExpiration)
from azure.mgmt.authorization.v2021_01_01_preview.models import RoleAssignmentApprovalStepProperties
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.core.policies import AuxiliaryAuthenticationPolicy
from azure.mgmt.dataprotection import DataProtectionMgmtClient
from azure.mgmt.dataprotection.models import ResourceGuard, ResourceGuardResource
from azure.mgmt.recoveryservices import RecoveryServicesClient
from azure.mgmt.recoveryservices.models import PatchVault, Sku, Vault, VaultProperties
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.recoveryservicesbackup.models import (IaasVMRestoreRequest, MabFileFolderProtectedItem,
                                                      ProtectedItemResource, ResourceGuardProxyBase,
                                                      ResourceGuardProxyBaseResource, RestoreRequestResource,
                                                      SecurityPinBase, UnlockDeleteRequest)

from clients import SignedIn
from restic import Restic, credentials_of
from scene import assign, make_group, make_item, make_policy, require_approval_by
from world import (ALICE, AUTOMATION, CONTOSO, CONTRIBUTOR, FABSEC, GUARD_SUB, MUA_OPERATOR, OWNER, READER, REGION, SAM,
                   VAULT_SUB, WARDEN, guard_id, role_id, vault_id)

ITEM = ("sdk-vault", "sdk", "Azure", "Windows;srv01", "FileFolder;data")


@pytest.fixture(scope="module")
def sdk(server, alice, sam):
    """Gives an SDK client: sdk(Client, whose credential, which subscription, credentials for the auxiliary header)."""
    patch = pytest.MonkeyPatch()
    patch.setenv("REQUESTS_CA_BUNDLE", str(server.ca))
    make_group(alice, VAULT_SUB, "sdk")
    make_group(sam, GUARD_SUB, "sdk-guard")
    assign(alice, f"/subscriptions/{VAULT_SUB}", VAULT_SUB, CONTRIBUTOR, AUTOMATION.oids[CONTOSO], "ServicePrincipal")
    assign(sam, f"/subscriptions/{GUARD_SUB}", GUARD_SUB, OWNER, WARDEN.oids[FABSEC], "ServicePrincipal")
    scope = f"{server.origin}/.default"

    def client(kind, credential, subscription, also=()):
        policies = {"per_call_policies": [AuxiliaryAuthenticationPolicy(list(also), scope)]} if also else {}
        return kind(credential, subscription, base_url=server.origin, credential_scopes=[scope], **policies)

    yield client
    patch.undo()


@pytest.fixture(scope="module")
def credential(server):
    return lambda app, tenant: ClientSecretCredential(tenant, app.app_id, app.secret, authority=server.origin,
                                                      disable_instance_discovery=True)


@pytest.fixture(scope="module")
def automation(sdk, credential):
    """The backup team's application, with a token of the guard's directory beside its own."""
    home, abroad = credential(AUTOMATION, CONTOSO), credential(AUTOMATION, FABSEC)
    return lambda kind: sdk(kind, home, VAULT_SUB, [abroad])


@pytest.fixture(scope="module")
def warden(sdk, credential):
    return lambda kind: sdk(kind, credential(WARDEN, FABSEC), GUARD_SUB)


@pytest.fixture(scope="module")
def guard(warden, sam):
    guards = warden(DataProtectionMgmtClient).resource_guards
    made = guards.put("sdk-guard", "guard", ResourceGuardResource(location=REGION, properties=ResourceGuard()))
    assert made.id == guard_id("sdk-guard", "guard")
    assign(sam, made.id, GUARD_SUB, READER, AUTOMATION.oids[FABSEC], "ServicePrincipal")
    assign(sam, made.id, GUARD_SUB, READER, ALICE.oids[FABSEC])
    return made


@pytest.fixture(scope="module")
def vault(automation, alice):
    wanted = Vault(location=REGION, sku=Sku(name="Standard"), properties=VaultProperties())
    made = automation(RecoveryServicesClient).vaults.begin_create_or_update("sdk", "sdk-vault", wanted).result()
    make_item(alice, made.id, make_policy(alice, made.id))
    return made


def denied(code):
    return pytest.raises(HttpResponseError, match=rf"\({code}\)")


def test_the_guard_and_its_requests(warden, guard):
    guards = warden(DataProtectionMgmtClient).resource_guards
    assert guard.properties.provisioning_state == "Succeeded" and guard.properties.allow_auto_approvals
    protected = {each.vault_critical_operation for each in guard.properties.resource_guard_operations}
    assert len(protected) == 20 and "Microsoft.RecoveryServices/vaults/backupPolicies/write" in protected
    assert [each.name for each in guards.get_resources_in_resource_group("sdk-guard")] == ["guard"]
    [request] = guards.get_disable_soft_delete_requests_objects("sdk-guard", "guard")
    one = guards.get_default_disable_soft_delete_requests_object("sdk-guard", "guard", "default")
    assert request.id == one.id == f"{guard.id}/disableSoftDeleteRequests/default"
    with denied("BMSUserErrorInvalidCriticalOperationExclusionList"):
        exclude = ["Microsoft.RecoveryServices/vaults/backupconfig/write"]
        guards.put("sdk-guard", "guard", ResourceGuardResource(
            location=REGION, properties=ResourceGuard(vault_critical_operation_exclusion_list=exclude)))


def test_vaults_are_patched_and_listed(automation, vault):
    vaults = automation(RecoveryServicesClient).vaults
    assert vault.id == vault_id("sdk", "sdk-vault")
    assert vaults.begin_update("sdk", "sdk-vault", PatchVault(tags={"by": "sdk"})).result().tags == {"by": "sdk"}
    assert [each.name for each in vaults.list_by_resource_group("sdk")] == ["sdk-vault"]
    backup = automation(RecoveryServicesBackupClient)
    assert {each.name for each in backup.backup_policies.list("sdk-vault", "sdk")} == {
        "DefaultPolicy", "EnhancedPolicy", "HourlyLogBackup", "files"}
    [item] = backup.backup_protected_items.list("sdk-vault", "sdk", filter="backupManagementType eq 'MAB'")
    assert isinstance(item.properties, MabFileFolderProtectedItem) and item.properties.protection_state


def test_roles(warden, guard):
    roles = warden(AuthorizationManagementClient)
    [role] = roles.role_definitions.list(guard.id, filter="roleName eq 'Backup MUA Operator'")
    assert role.name == MUA_OPERATOR and role.permissions[0].actions
    made = roles.role_assignments.create(guard.id, str(uuid4()), RoleAssignmentCreateParameters(
        role_definition_id=role_id(GUARD_SUB, READER), principal_id=SAM.oid, principal_type="User"))
    assert made.principal_id == SAM.oid and made.scope.lower() == guard.id.lower()
    listed = roles.role_assignments.list_for_scope(guard.id, filter=f"principalId eq '{SAM.oid}'")
    assert made.id in {each.id for each in listed}
    assert roles.role_assignments.delete_by_id(made.id).id == made.id
    assert roles.role_assignments.delete_by_id(made.id) is None


def test_an_item_is_deleted_only_after_consent(server, sdk, automation, warden, guard, vault, sam):
    """The whole way with the SDKs: mapping, refusal, activation, approval, unlock, delete."""
    backup = automation(RecoveryServicesBackupClient)
    proxy = ResourceGuardProxyBaseResource(properties=ResourceGuardProxyBase(resource_guard_resource_id=guard.id))
    backup.resource_guard_proxy.put("sdk-vault", "sdk", "VaultProxy", proxy)
    [mapped] = backup.resource_guard_proxies.get("sdk-vault", "sdk")
    requests = {each.vault_critical_operation.rsplit("/vaults/")[-1]: each.default_resource_request
                for each in mapped.properties.resource_guard_operation_details}
    request = requests["backupFabrics/protectionContainers/protectedItems/delete"]
    unlock = UnlockDeleteRequest(resource_guard_operation_requests=[request],
                                 resource_to_be_deleted=backup.protected_items.get(*ITEM).id)

    # An application holds no consent, and cannot get any: only people can be asked and can answer.
    with denied("LinkedAuthorizationFailed"):
        backup.resource_guard_proxy.unlock_delete("sdk-vault", "sdk", "VaultProxy", unlock)
    with denied("UserErrorDeleteNotUnlocked"):
        backup.protected_items.delete(*ITEM)

    # The warden makes Alice's guest account eligible and names Sam as the one who approves.
    role, why = role_id(GUARD_SUB, MUA_OPERATOR), "ticket 43: the host is being replaced"
    warden(AuthorizationManagementClient).role_eligibility_schedule_requests.create(
        guard.id, str(uuid4()), RoleEligibilityScheduleRequest(
            principal_id=ALICE.oids[FABSEC], role_definition_id=role, request_type="AdminAssign", justification="rota",
            schedule_info=RoleEligibilityScheduleRequestPropertiesScheduleInfo(
                expiration=RoleEligibilityScheduleRequestPropertiesScheduleInfoExpiration(
                    type="AfterDuration", duration="P30D"))))
    require_approval_by(sam, guard.id, SAM.oid)
    as_guest = sdk(AuthorizationManagementClient, SignedIn(server, ALICE, FABSEC), GUARD_SUB)
    [eligible] = as_guest.role_eligibility_schedule_instances.list_for_scope(guard.id, filter="asTarget()")
    asked = as_guest.role_assignment_schedule_requests.create(guard.id, str(uuid4()), RoleAssignmentScheduleRequest(
        principal_id=ALICE.oids[FABSEC], role_definition_id=role, request_type="SelfActivate", justification=why,
        linked_role_eligibility_schedule_id=eligible.role_eligibility_schedule_id.rsplit("/")[-1],
        schedule_info=RoleAssignmentScheduleRequestPropertiesScheduleInfo(
            expiration=RoleAssignmentScheduleRequestPropertiesScheduleInfoExpiration(
                type="AfterDuration", duration="PT1H"))))
    assert asked.status.startswith("PendingApproval")

    approvals = sdk(AuthorizationManagementClient, SignedIn(server, SAM, FABSEC), GUARD_SUB)
    approval = asked.approval_id.rsplit("/")[-1]
    assert approval in {each.name for each in approvals.role_assignment_approval.list(filter="asApprover()")}
    [stage] = approvals.role_assignment_approval_steps.list(approval).value
    yes = RoleAssignmentApprovalStepProperties(review_result="Approve", justification="checked")
    with pytest.raises(HttpResponseError):
        as_guest.role_assignment_approval_step.patch(approval, stage.name, yes)
    approvals.role_assignment_approval_step.patch(approval, stage.name, yes)

    # Now Alice can do what the application still cannot.
    aux = SignedIn(server, ALICE, FABSEC)
    hers = sdk(RecoveryServicesBackupClient, SignedIn(server, ALICE, CONTOSO), VAULT_SUB, [aux])
    with denied("LinkedAuthorizationFailed"):
        backup.resource_guard_proxy.unlock_delete("sdk-vault", "sdk", "VaultProxy", unlock)
    expiry = hers.resource_guard_proxy.unlock_delete("sdk-vault", "sdk", "VaultProxy", unlock).unlock_delete_expiry_time
    assert expiry.endswith("Z")
    hers.protected_items.delete(*ITEM)
    assert hers.protected_items.get(*ITEM).properties.is_scheduled_for_deferred_delete

    # Bringing it back is free, and a long-running operation of the SDK's.
    back = MabFileFolderProtectedItem(policy_id="", protection_state="ProtectionStopped", is_rehydrate=True)
    backup.protected_items.begin_create_or_update(*ITEM, ProtectedItemResource(properties=back)).result()
    assert backup.protected_items.get(*ITEM).properties.protection_state == "ProtectionStopped"


def test_restoring_and_the_security_pin_take_consent(server, automation, guard, vault, alice, sam, tmp_path):
    backup = automation(RecoveryServicesBackupClient)
    item = make_item(alice, vault.id, f"{vault.id}/backupPolicies/files", host="srv02", name="kept")
    assert Restic(server, credentials_of(alice, item), tmp_path).post("snapshots", b"a snapshot").status_code == 200
    proxy = ResourceGuardProxyBaseResource(properties=ResourceGuardProxyBase(resource_guard_resource_id=guard.id))
    backup.resource_guard_proxy.put("sdk-vault", "sdk", "VaultProxy", proxy)
    where = ("sdk-vault", "sdk", "Azure", "Windows;srv02", "FileFolder;kept")
    [point] = backup.recovery_points.list(*where)

    def restore(*kinds):
        asked = IaasVMRestoreRequest(resource_guard_operation_requests=[f"{guard.id}/{kind}/default" for kind in kinds])
        backup.restores.begin_trigger(*where, point.name, RestoreRequestResource(properties=asked)).result()

    def pin(*kinds):
        requests = [f"{guard.id}/{kind}/default" for kind in kinds]
        asked = SecurityPinBase(resource_guard_operation_requests=requests)
        return backup.security_pins.get("sdk-vault", "sdk", asked)

    for ask, kind in (restore, "triggerRestoreRequests"), (pin, "getBackupSecurityPINRequests"):
        with denied("UserErrorResourceGuardOperationRequestMissing"):
            ask()
        with denied("LinkedAuthorizationFailed"):
            ask(kind)
    assert not list(backup.backup_jobs.list("sdk-vault", "sdk", filter="operation eq 'Restore'"))

    given = assign(sam, guard.id, GUARD_SUB, MUA_OPERATOR, AUTOMATION.oids[FABSEC], "ServicePrincipal")
    restore("triggerRestoreRequests")
    [job] = backup.backup_jobs.list("sdk-vault", "sdk", filter="operation eq 'Restore'")
    assert job.properties.status == "Completed" and job.properties.entity_friendly_name == "kept"
    details = backup.job_details.get("sdk-vault", "sdk", job.name).properties.extended_info.property_bag
    assert details["Repository"].startswith(f"{server.origin}/repositories/")
    answer = pin("getBackupSecurityPINRequests")
    assert len(answer.security_pin) == 6 and answer.security_pin.isdigit() and answer.token
    assert answer.expiry_time_in_utc_ticks > 638_000_000_000_000_000
    sam.rest("DELETE", given["id"])
