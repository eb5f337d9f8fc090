"""Just-in-time consent from one end to the other, once with `az rest` and once with the Python SDK: eligible, dry run,
asked for, taken back, denied, approved, acted upon, ended, given back, and more time asked for and given."""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2020_10_01.models import (
    ApprovalSettings, ApprovalStage, RoleAssignmentScheduleRequest, RoleAssignmentScheduleRequestPropertiesScheduleInfo,
    RoleAssignmentScheduleRequestPropertiesScheduleInfoExpiration, RoleEligibilityScheduleRequest,
    RoleEligibilityScheduleRequestPropertiesScheduleInfo,
    RoleEligibilityScheduleRequestPropertiesScheduleInfoExpiration, RoleManagementPolicy,
    RoleManagementPolicyApprovalRule, RoleManagementPolicyEnablementRule, RoleManagementPolicyExpirationRule, UserSet)
from azure.mgmt.authorization.v2021_01_01_preview.models import RoleAssignmentApprovalStepProperties
from azure.mgmt.core.policies import AuxiliaryAuthenticationPolicy
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.recoveryservicesbackup.models import UnlockDeleteRequest

from clients import SignedIn, refused
from scene import assign, backup_ground, decide, make_group, make_guard, stage_of, status_of
from server import until
from world import (ALICE, CONTOSO, FABSEC, GUARD_SUB, MUA_OPERATOR, READER, SAM, VAULT_SUB, auth, proxy_id, role_id)

GUEST = ALICE.oids[FABSEC]
ROLE = role_id(GUARD_SUB, MUA_OPERATOR)


def lay_out(alice, sam, name):
    """A vault of Alice's with an item, under a guard of Sam's that she may look at."""
    vault, item = backup_ground(alice, name)
    make_group(sam, GUARD_SUB, f"{name}-guard")
    guard = make_guard(sam, f"{name}-guard", "guard", description="Ask sam@fabsec.example")
    assign(sam, guard, GUARD_SUB, READER, GUEST)
    alice.rest("PUT", proxy_id(vault), {"properties": {"resourceGuardResourceId": guard}})
    return SimpleNamespace(vault=vault, item=item, guard=guard)


# With `az rest` --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def by_rest(terminal, alice, sam):
    ground = lay_out(alice, sam, "pim-rest")
    return SimpleNamespace(alice=terminal(ALICE).sign_in(), sam=terminal(SAM).sign_in(), **vars(ground))


STOP_SOFT_DELETE = (f"backup vault backup-properties set -g pim-rest -n pim-rest-vault "
                    f"--soft-delete-feature-state Disable --tenant-id {FABSEC}")
KEEP_SOFT_DELETE = "backup vault backup-properties set -g pim-rest -n pim-rest-vault --soft-delete-feature-state Enable"


def lasting(kind, duration, **more):
    expiration = {"type": "AfterDuration", "duration": duration}
    return {"properties": {"principalId": GUEST, "roleDefinitionId": ROLE, "requestType": kind,
                           "justification": "ticket 42: the old host is gone",
                           "scheduleInfo": {"expiration": expiration}, **more}}


def request(person, guard, family, body, dry_run=False):
    path = auth(guard, f"{family}ScheduleRequests", uuid4())
    return person.rest("POST", f"{path}/validate", body) if dry_run else person.rest("PUT", path, body)


def ask(at, duration="PT1H", **more):
    return request(at.alice, at.guard, "roleAssignment", lasting("SelfActivate", duration), **more)


def test_az_rest_policy_and_eligibility(by_rest):
    found = by_rest.sam.rest(
        "GET", auth(by_rest.guard, "roleManagementPolicyAssignments") + f"?$filter=roleDefinitionId eq '{ROLE}'")
    policy = found["value"][0]["properties"]["policyId"]
    rules = {rule["id"]: rule for rule in by_rest.sam.rest("GET", policy)["properties"]["rules"]}
    assert len(rules) == 17 and rules["Approval_EndUser_Assignment"]["setting"]["isApprovalRequired"] is True
    shorter = {"id": "Expiration_EndUser_Assignment", "ruleType": "RoleManagementPolicyExpirationRule",
               "maximumDuration": "PT2H"}
    stage = {"primaryApprovers": [{"id": SAM.oid, "userType": "User"}]}
    approval = {"id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule",
                "setting": {"isApprovalRequired": True, "approvalStages": [stage]}}
    patched = by_rest.sam.rest("PATCH", policy, {"properties": {"rules": [shorter, approval]}})
    now = {rule["id"]: rule for rule in patched["properties"]["rules"]}
    assert now["Expiration_EndUser_Assignment"]["maximumDuration"] == "PT2H"
    changed = {"Expiration_EndUser_Assignment", "Approval_EndUser_Assignment"}
    assert {each for each in rules if rules[each] != now[each]} == changed
    with refused("InvalidPolicy", match="second person"):
        by_rest.sam.rest("PATCH", policy, {"properties": {"rules": [
            {"id": "Approval_EndUser_Assignment", "setting": {"isApprovalRequired": False}}]}})
    with refused("AuthorizationFailed"):
        by_rest.alice.rest("PATCH", policy, {"properties": {"rules": [shorter]}})

    with refused("RoleAssignmentRequestPolicyValidationFailed", match="EligibilityRule"):
        ask(by_rest)
    given = request(by_rest.sam, by_rest.guard, "roleEligibility", lasting("AdminAssign", "P30D"))
    assert given["properties"]["status"] == "Provisioned"
    mine = by_rest.alice.rest("GET", auth(by_rest.guard, "roleEligibilityScheduleInstances") + "?$filter=asTarget()")
    assert [each["properties"]["memberType"] for each in mine["value"]] == ["Direct"]


def test_az_rest_dry_run_and_cancel(by_rest):
    assert ask(by_rest, dry_run=True)["properties"]["status"] == "PendingEvaluation"
    with refused("RoleAssignmentRequestPolicyValidationFailed", match="ExpirationRule"):
        ask(by_rest, "PT3H", dry_run=True)
    asked = ask(by_rest)
    with refused("PendingRoleAssignmentRequest"):
        ask(by_rest)
    by_rest.alice.rest("POST", f"{asked['id']}/cancel")
    assert status_of(by_rest.sam, by_rest.guard, asked) == "Canceled"


def test_az_rest_deny_approve_act_and_give_back(by_rest):
    denied = ask(by_rest)
    decide(by_rest.sam, stage_of(by_rest.sam, by_rest.guard, denied), "Deny")
    assert status_of(by_rest.sam, by_rest.guard, denied) == "Denied"
    with refused("LinkedAuthorizationFailed"):
        by_rest.alice.az(STOP_SOFT_DELETE)

    asked = ask(by_rest)
    [waiting] = by_rest.sam.rest(
        "GET", auth(by_rest.guard, "roleAssignmentScheduleRequests") + "?$filter=asApprover()")["value"]
    assert waiting["name"] == asked["name"]
    seen = by_rest.sam.rest("GET", asked["properties"]["approvalId"])["properties"]["request"]
    assert seen["requestor"]["displayName"] == "Alice Backup" and seen["homeTenant"]["name"] == "Contoso"
    assert [vault["name"] for vault in seen["resourceGuards"][0]["linkedVaults"]] == ["pim-rest-vault"]
    decide(by_rest.sam, stage_of(by_rest.sam, by_rest.guard, asked))
    assert status_of(by_rest.sam, by_rest.guard, asked) == "Provisioned"
    by_rest.alice.az(STOP_SOFT_DELETE)
    by_rest.alice.az(KEEP_SOFT_DELETE)
    body = {"properties": {"principalId": GUEST, "roleDefinitionId": ROLE, "requestType": "SelfDeactivate"}}
    assert request(by_rest.alice, by_rest.guard, "roleAssignment", body)["properties"]["status"] == "Revoked"
    with refused("LinkedAuthorizationFailed"):
        by_rest.alice.az(STOP_SOFT_DELETE)


def test_az_rest_more_time(by_rest):
    schedules = auth(by_rest.guard, "roleEligibilitySchedules") + "?$filter=asTarget()"

    def end():
        [schedule] = by_rest.alice.rest("GET", schedules)["value"]
        return schedule["properties"]["endDateTime"]

    before = end()
    asked = request(by_rest.alice, by_rest.guard, "roleEligibility", lasting("SelfExtend", "P60D"))
    assert asked["properties"]["status"] == "PendingAdminDecision" and end() == before
    by_rest.sam.rest("POST", f"{asked['id']}/cancel")
    assert by_rest.sam.rest("GET", asked["id"])["properties"]["status"] == "AdminDenied" and end() == before
    asked = request(by_rest.alice, by_rest.guard, "roleEligibility", lasting("SelfExtend", "P60D"))
    request(by_rest.sam, by_rest.guard, "roleEligibility", lasting("AdminExtend", "P60D"))
    assert by_rest.sam.rest("GET", asked["id"])["properties"]["status"] == "AdminApproved" and end() > before


# With the SDK ----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def by_sdk(server, alice, sam):
    patch = pytest.MonkeyPatch()
    patch.setenv("REQUESTS_CA_BUNDLE", str(server.ca))
    scope = f"{server.origin}/.default"

    def client(kind, person, tenant, subscription, also=()):
        policies = {"per_call_policies": [AuxiliaryAuthenticationPolicy(list(also), scope)]} if also else {}
        return kind(SignedIn(server, person, tenant), subscription, base_url=server.origin, credential_scopes=[scope],
                    **policies)

    yield SimpleNamespace(
        sam=client(AuthorizationManagementClient, SAM, FABSEC, GUARD_SUB),
        alice=client(AuthorizationManagementClient, ALICE, FABSEC, GUARD_SUB),
        backup=client(RecoveryServicesBackupClient, ALICE, CONTOSO, VAULT_SUB, [SignedIn(server, ALICE, FABSEC)]),
        **vars(lay_out(alice, sam, "pim-sdk")))
    patch.undo()


def denied(code):
    return pytest.raises(HttpResponseError, match=rf"\({code}\)")


def activation(kind, duration=None):
    schedule = duration and RoleAssignmentScheduleRequestPropertiesScheduleInfo(
        expiration=RoleAssignmentScheduleRequestPropertiesScheduleInfoExpiration(
            type="AfterDuration", duration=duration))
    return RoleAssignmentScheduleRequest(principal_id=GUEST, role_definition_id=ROLE, request_type=kind,
                                         justification="ticket 43", schedule_info=schedule)


def eligibility(kind, duration):
    return RoleEligibilityScheduleRequest(
        principal_id=GUEST, role_definition_id=ROLE, request_type=kind, justification="rota",
        schedule_info=RoleEligibilityScheduleRequestPropertiesScheduleInfo(
            expiration=RoleEligibilityScheduleRequestPropertiesScheduleInfoExpiration(
                type="AfterDuration", duration=duration)))


def sdk_ask(at, duration="PT1H"):
    requests = at.alice.role_assignment_schedule_requests
    return requests.create(at.guard, str(uuid4()), activation("SelfActivate", duration))


def sdk_decide(at, asked, result):
    approval = asked.approval_id.rsplit("/")[-1]
    [stage] = at.sam.role_assignment_approval_steps.list(approval).value
    decision = RoleAssignmentApprovalStepProperties(review_result=result, justification="checked")
    return at.sam.role_assignment_approval_step.patch(approval, stage.name, decision)


def sdk_unlock(at):
    """What takes consent."""
    wanted = UnlockDeleteRequest(resource_guard_operation_requests=[f"{at.guard}/deleteProtectedItemRequests/default"],
                                 resource_to_be_deleted=at.item)
    return at.backup.resource_guard_proxy.unlock_delete("pim-sdk-vault", "pim-sdk", "VaultProxy", wanted)


def sdk_status(at, asked):
    return at.sam.role_assignment_schedule_requests.get(at.guard, asked.name).status


def test_sdk_policy_and_eligibility(by_sdk):
    policies = by_sdk.sam.role_management_policies
    assignments = by_sdk.sam.role_management_policy_assignments.list_for_scope(by_sdk.guard)
    [found] = [each for each in assignments if each.role_definition_id == ROLE]
    name = found.policy_id.rsplit("/")[-1]
    changed = policies.update(by_sdk.guard, name, RoleManagementPolicy(rules=[
        RoleManagementPolicyExpirationRule(id="Expiration_EndUser_Assignment", is_expiration_required=True,
                                           maximum_duration="PT4H"),
        RoleManagementPolicyEnablementRule(id="Enablement_EndUser_Assignment", enabled_rules=["Justification"]),
        RoleManagementPolicyApprovalRule(id="Approval_EndUser_Assignment", setting=ApprovalSettings(
            is_approval_required=True, approval_mode="SingleStage", approval_stages=[ApprovalStage(
                approval_stage_time_out_in_days=1, is_approver_justification_required=True,
                primary_approvers=[UserSet(user_type="User", is_backup=False, id=SAM.oid)])]))]))
    rules = {rule.id: rule for rule in changed.rules}
    assert len(rules) == 17 and rules["Expiration_EndUser_Assignment"].maximum_duration == "PT4H"
    [stage] = rules["Approval_EndUser_Assignment"].setting.approval_stages
    assert [approver.id for approver in stage.primary_approvers] == [SAM.oid]

    requests = by_sdk.sam.role_eligibility_schedule_requests
    given = requests.create(by_sdk.guard, str(uuid4()), eligibility("AdminAssign", "P30D"))
    assert given.status == "Provisioned"
    [mine] = by_sdk.alice.role_eligibility_schedules.list_for_scope(by_sdk.guard, filter="asTarget()")
    assert mine.name == given.name
    children = by_sdk.alice.eligible_child_resources.get(f"/subscriptions/{GUARD_SUB}")
    assert by_sdk.guard in {child.id for child in children}


def test_sdk_dry_run_and_cancel(by_sdk):
    requests = by_sdk.alice.role_assignment_schedule_requests
    tried = requests.validate(by_sdk.guard, str(uuid4()), activation("SelfActivate", "PT1H"))
    assert tried.status == "PendingEvaluation"
    with denied("RoleAssignmentRequestPolicyValidationFailed"):
        requests.validate(by_sdk.guard, str(uuid4()), activation("SelfActivate", "PT5H"))
    asked = sdk_ask(by_sdk)
    assert asked.status == "PendingApproval"
    requests.cancel(by_sdk.guard, asked.name)
    assert sdk_status(by_sdk, asked) == "Canceled"


def test_sdk_deny_approve_act_and_expire(by_sdk):
    asked = sdk_ask(by_sdk)
    sdk_decide(by_sdk, asked, "Deny")
    assert sdk_status(by_sdk, asked) == "Denied"
    with denied("LinkedAuthorizationFailed"):
        sdk_unlock(by_sdk)

    asked = sdk_ask(by_sdk, "PT10S")
    with denied("LinkedAuthorizationFailed"):
        sdk_unlock(by_sdk)
    sdk_decide(by_sdk, asked, "Approve")
    assert sdk_unlock(by_sdk).unlock_delete_expiry_time
    [held] = by_sdk.alice.role_assignment_schedule_instances.list_for_scope(by_sdk.guard, filter="asTarget()")
    assert held.assignment_type == "Activated" and held.end_date_time > held.start_date_time

    def is_over():
        try:
            sdk_unlock(by_sdk)
        except HttpResponseError as refusal:
            return refusal.error.code == "LinkedAuthorizationFailed"

    until("the activation to end by itself", is_over)
    assert not list(by_sdk.alice.role_assignment_schedule_instances.list_for_scope(by_sdk.guard, filter="asTarget()"))
    assert sdk_status(by_sdk, asked) == "Provisioned", "a request keeps its last status"

    asked = sdk_ask(by_sdk)
    sdk_decide(by_sdk, asked, "Approve")
    sdk_unlock(by_sdk)
    requests = by_sdk.alice.role_assignment_schedule_requests
    assert requests.create(by_sdk.guard, str(uuid4()), activation("SelfDeactivate")).status == "Revoked"
    with denied("LinkedAuthorizationFailed"):
        sdk_unlock(by_sdk)


def test_sdk_more_time(by_sdk):
    hers, his = by_sdk.alice.role_eligibility_schedule_requests, by_sdk.sam.role_eligibility_schedule_requests

    def end():
        [schedule] = by_sdk.alice.role_eligibility_schedules.list_for_scope(by_sdk.guard, filter="asTarget()")
        return schedule.end_date_time

    before = end()
    asked = hers.create(by_sdk.guard, str(uuid4()), eligibility("SelfExtend", "P60D"))
    assert asked.status == "PendingAdminDecision" and end() == before
    with denied("PendingRoleAssignmentRequest"):
        hers.create(by_sdk.guard, str(uuid4()), eligibility("SelfExtend", "P90D"))
    assert asked.name in {each.name for each in his.list_for_scope(by_sdk.guard, filter="asApprover()")}
    his.create(by_sdk.guard, str(uuid4()), eligibility("AdminExtend", "P60D"))
    assert his.get(by_sdk.guard, asked.name).status == "AdminApproved" and end() > before
