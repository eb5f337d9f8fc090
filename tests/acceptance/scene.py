"""The steps that stories are made of. `person` is anybody who can `rest`: at a terminal with az, or directly."""

from uuid import uuid4

from world import (GUARD_SUB, MUA_OPERATOR, REGION, VAULT_SUB, auth, container_id, group_id, guard_id,
                   item_id, proxy_id, role_id, vault_id)

NAMESPACES = ("Microsoft.RecoveryServices", "Microsoft.DataProtection")
NOON = "2026-01-01T12:00:00Z"


def make_group(person, sub, name):
    for namespace in NAMESPACES:
        person.rest("POST", f"/subscriptions/{sub}/providers/{namespace}/register")
    return person.rest("PUT", group_id(sub, name), {"location": REGION})["id"]


def make_guard(person, group, name, **properties):
    return person.rest("PUT", guard_id(group, name), {"location": REGION, "properties": properties})["id"]


def make_vault(person, group, name, soft_delete="Enabled"):
    """A vault whose soft delete can still be turned off; `az backup vault create` always asks for AlwaysOn."""
    security = {"softDeleteSettings": {"softDeleteState": soft_delete, "enhancedSecurityState": soft_delete,
                                       "softDeleteRetentionPeriodInDays": 14}}
    vault = vault_id(group, name)
    person.rest("PUT", vault, {"location": REGION, "sku": {"name": "Standard"},
                               "properties": {"securitySettings": security, "publicNetworkAccess": "Enabled"}})
    return vault


def mab_policy(days, **more):
    schedule = {"schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Daily",
                "scheduleRunTimes": [NOON], "scheduleRunDays": None, "scheduleWeeklyFrequency": 0}
    retention = {"retentionPolicyType": "LongTermRetentionPolicy",
                 "dailySchedule": {"retentionTimes": [NOON],
                                   "retentionDuration": {"count": days, "durationType": "Days"}}}
    return {"properties": {"backupManagementType": "MAB", "schedulePolicy": schedule, "retentionPolicy": retention,
                           **more}}


def make_policy(person, vault, name="files", days=30):
    return person.rest("PUT", f"{vault}/backupPolicies/{name}", mab_policy(days))["id"]


def make_item(person, vault, policy, host="srv01", name="data"):
    """Files of one host, protected by a policy."""
    person.rest("PUT", container_id(vault, host), {"properties": {
        "containerType": "Windows", "backupManagementType": "MAB", "friendlyName": host}})
    item = item_id(vault, host, name)
    person.rest("PUT", item, {"properties": {
        "protectedItemType": "MabFileFolderProtectedItem", "friendlyName": name, "policyId": policy}})
    return item


def undelete(person, item):
    person.rest("PUT", item, {"properties": {
        "protectedItemType": "MabFileFolderProtectedItem", "policyId": "", "protectionState": "ProtectionStopped",
        "isRehydrate": True}})


def put_under_guard(person, vault, guard):
    return person.rest("PUT", proxy_id(vault), {"properties": {"resourceGuardResourceId": guard}})


def assign(person, scope, sub, role, oid, kind="User"):
    return person.rest("PUT", auth(scope, "roleAssignments", uuid4()), {"properties": {
        "roleDefinitionId": role_id(sub, role), "principalId": oid, "principalType": kind}})


def backup_ground(alice, group, **item):
    """A vault of Alice's with one protected item and no guard: (vault, item)."""
    make_group(alice, VAULT_SUB, group)
    vault = make_vault(alice, group, f"{group}-vault")
    return vault, make_item(alice, vault, make_policy(alice, vault), **item)


# Just-in-time consent --------------------------------------------------------------------------------------------

def make_eligible(admin, guard, oid):
    return admin.rest("PUT", auth(guard, "roleEligibilityScheduleRequests", uuid4()), {"properties": {
        "principalId": oid, "roleDefinitionId": role_id(GUARD_SUB, MUA_OPERATOR), "requestType": "AdminAssign",
        "justification": "on call this year",
        "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P180D"}}}})


def set_rule(admin, guard, rule):
    """Changes a rule about activating Backup MUA Operator on the guard."""
    role = role_id(GUARD_SUB, MUA_OPERATOR)
    found = admin.rest("GET", auth(guard, "roleManagementPolicyAssignments") + f"?$filter=roleDefinitionId eq '{role}'")
    return admin.rest("PATCH", found["value"][0]["properties"]["policyId"], {"properties": {"rules": [rule]}})


def require_approval_by(admin, guard, *oids):
    """Names who has to approve an activation of Backup MUA Operator on the guard."""
    stage = {"approvalStageTimeOutInDays": 1, "isApproverJustificationRequired": True, "escalationTimeInMinutes": 0,
             "isEscalationEnabled": False, "escalationApprovers": None,
             "primaryApprovers": [{"id": oid, "isBackup": False, "userType": "User"} for oid in oids]}
    return set_rule(admin, guard, {
        "id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule",
        "target": {"caller": "EndUser", "operations": ["All"], "level": "Assignment"},
        "setting": {"isApprovalRequired": True, "isApprovalRequiredForExtension": False,
                    "isRequestorJustificationRequired": True, "approvalMode": "SingleStage",
                    "approvalStages": [stage]}})


def require_a_second_factor(admin, guard):
    """Whoever activates Backup MUA Operator on the guard has to show a second factor."""
    return set_rule(admin, guard, {
        "id": "Enablement_EndUser_Assignment", "ruleType": "RoleManagementPolicyEnablementRule",
        "target": {"caller": "EndUser", "operations": ["All"], "level": "Assignment"},
        "enabledRules": ["Justification", "MultiFactorAuthentication"]})


def ask_for_consent(person, guard, oid, why="ticket 42: the old host is gone"):
    eligible = person.rest("GET", auth(guard, "roleEligibilitySchedules") + "?$filter=asTarget()")["value"][0]
    return person.rest("PUT", auth(guard, "roleAssignmentScheduleRequests", uuid4()), {"properties": {
        "principalId": oid, "roleDefinitionId": role_id(GUARD_SUB, MUA_OPERATOR), "requestType": "SelfActivate",
        "linkedRoleEligibilityScheduleId": eligible["name"], "justification": why,
        "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT1H"}}}})


def stage_of(person, guard, request):
    """The id of the stage that waits for a decision about a request."""
    approval = auth(guard, "roleAssignmentApprovals", request["properties"]["approvalId"].rsplit("/")[-1])
    stage = person.rest("GET", approval)["properties"]["stages"][0]
    return f"{approval}/stages/{stage['name']}"


def decide(person, stage, result="Approve", why="checked the ticket"):
    return person.rest("PATCH", stage, {"properties": {"reviewResult": result, "justification": why}})


def give_back(person, guard, oid):
    """Ends an activation early."""
    return person.rest("PUT", auth(guard, "roleAssignmentScheduleRequests", uuid4()), {"properties": {
        "principalId": oid, "roleDefinitionId": role_id(GUARD_SUB, MUA_OPERATOR), "requestType": "SelfDeactivate"}})


def status_of(person, guard, request):
    return person.rest("GET", auth(guard, "roleAssignmentScheduleRequests", request["name"]))["properties"]["status"]
