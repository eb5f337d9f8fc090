"""Every route of the control plane that the story needs: how it is called properly, and how it is not."""

from collections import namedtuple
from uuid import uuid4

from scene import NAMESPACES, mab_policy
from world import (ALICE, BOB, FABSEC, GUARD_SUB, MUA_OPERATOR, READER, REGION, SAM, VAULT_SUB, auth, container_id,
                   group_id, guard_id, item_id, proxy_id, role_id, vault_id)

V_SUB, G_SUB = f"/subscriptions/{VAULT_SUB}", f"/subscriptions/{GUARD_SUB}"
GROUP, VAULT, GUARD = group_id(VAULT_SUB, "bad"), vault_id("bad", "bad-vault"), guard_id("bad", "guard")
POLICY, ITEM, PROXY = f"{VAULT}/backupPolicies/files", item_id(VAULT, "srv01", "data"), proxy_id(VAULT)
NOBODY = "99999999-9999-4999-8999-999999999999"
GUIDS = [str(uuid4()) for _ in range(4)]

Route = namedtuple("Route", "method path good wrong", defaults=[None, ()])
# `good` is a body that would do something; each of `wrong` is JSON, but not what the route takes. Two paths are known
# only when a server runs: "ROLE POLICY" and "STAGE".


def props(**properties):
    return {"properties": properties}


def policy_with(change):
    policy = mab_policy(20)
    change(policy["properties"])
    return policy


def asking(**properties):
    return props(**{"principalId": ALICE.oids[FABSEC], "roleDefinitionId": role_id(GUARD_SUB, MUA_OPERATOR),
                    "justification": "because", **properties})


def lasting(kind="AfterDuration", duration="PT1H"):
    return {"expiration": {"type": kind, "duration": duration}}


READS = [Route("GET", path) for path in (
    V_SUB, f"{V_SUB}/resourcegroups", GROUP, f"{V_SUB}/providers", f"{V_SUB}/providers/{NAMESPACES[0]}",
    f"{V_SUB}/providers/Microsoft.RecoveryServices/vaults", f"{GROUP}/providers/Microsoft.RecoveryServices/vaults",
    VAULT, f"{VAULT}/backupconfig/vaultconfig", f"{VAULT}/backupPolicies", POLICY,
    f"{VAULT}/backupProtectionContainers", f"{VAULT}/backupProtectedItems", ITEM, container_id(VAULT, "srv01"),
    f"{ITEM}/recoveryPoints", f"{VAULT}/backupJobs", f"{VAULT}/backupResourceGuardProxies", PROXY,
    f"{G_SUB}/providers/Microsoft.DataProtection/resourceGuards", GUARD, f"{GUARD}/deleteProtectedItemRequests",
    f"{GUARD}/deleteProtectedItemRequests/default", *(auth(V_SUB, kind) for kind in (
        "roleDefinitions", "roleAssignments", "locks")), auth(V_SUB, "roleDefinitions", READER), *(
        auth(GUARD, kind) for kind in (
            "roleEligibilitySchedules", "roleEligibilityScheduleInstances", "roleEligibilityScheduleRequests",
            "roleAssignmentSchedules", "roleAssignmentScheduleInstances", "roleAssignmentScheduleRequests",
            "roleManagementPolicies", "roleManagementPolicyAssignments", "roleAssignmentApprovals", "locks")))]

WRITES = [
    Route("PUT", GROUP, {"location": REGION}, [
        {}, {"location": 5}, {"location": REGION, "tags": "x"}, {"location": REGION, "tags": {"a": {"b": 1}}}]),
    Route("PUT", VAULT, {"location": REGION, "sku": {"name": "Standard"}, "properties": {}}, [
        {}, {"location": 5}, {"location": REGION, "tags": [1]}] + [
        {"location": REGION, **props(securitySettings=security)} for security in (
            5, [], {"softDeleteSettings": "x"}, {"softDeleteSettings": {"softDeleteState": "Sometimes"}},
            {"softDeleteSettings": {"softDeleteRetentionPeriodInDays": "many"}},
            {"softDeleteSettings": {"softDeleteRetentionPeriodInDays": -1}})]),
    Route("PATCH", VAULT, {"tags": {}}, [{"tags": 5}, props(securitySettings=[]), props(
        securitySettings={"softDeleteSettings": {"softDeleteState": 7}})]),
    Route("PATCH", f"{VAULT}/backupconfig/vaultconfig", props(softDeleteFeatureState="Enabled"), [
        props(softDeleteFeatureState=7), props(softDeleteFeatureState="Sometimes"),
        props(softDeleteRetentionPeriodInDays="x"), props(softDeleteRetentionPeriodInDays=-14),
        props(softDeleteRetentionPeriodInDays=10 ** 30), props(enhancedSecurityState=[]),
        props(softDeleteFeatureState="Disabled", resourceGuardOperationRequests=5),
        props(softDeleteFeatureState="Disabled", resourceGuardOperationRequests=["/etc/passwd", None])]),
    Route("PUT", f"{VAULT}/backupPolicies/new", mab_policy(20), [
        props(), props(backupManagementType="Tapes"), props(backupManagementType="MAB"),
        policy_with(lambda p: p.update(retentionPolicy=5)), policy_with(lambda p: p.update(schedulePolicy=[])),
        *(policy_with(lambda p, bad=bad: p["retentionPolicy"]["dailySchedule"].update(retentionDuration=bad))
          for bad in (5, {"count": "x", "durationType": "Days"}, {"count": -3, "durationType": "Days"},
                      {"count": 3, "durationType": "Fortnights"}, {"count": 10 ** 30, "durationType": "Years"})),
        policy_with(lambda p: p["schedulePolicy"].update(scheduleRunTimes=["noon"])),
        policy_with(lambda p: p["schedulePolicy"].update(scheduleRunFrequency="Rarely"))]),
    Route("PUT", container_id(VAULT, "srv02"), props(
        containerType="Windows", backupManagementType="MAB", friendlyName="srv02"), [
        {}, props(containerType=5), props(containerType="Windows", backupManagementType="MAB", friendlyName=5)]),
    Route("PUT", item_id(VAULT, "srv01", "new"), props(
        protectedItemType="MabFileFolderProtectedItem", friendlyName="new", policyId=POLICY), [
        {}, props(protectedItemType=5), props(protectedItemType="Nonsense", policyId=POLICY),
        *(props(protectedItemType="MabFileFolderProtectedItem", friendlyName="new", policyId=policy) for policy in (
            5, "x", "/", f"{VAULT}/backupPolicies/none", VAULT, [POLICY]))]),
    Route("DELETE", ITEM), Route("DELETE", PROXY), Route("DELETE", VAULT), Route("DELETE", GUARD),
    Route("DELETE", POLICY),
    Route("PUT", PROXY, props(resourceGuardResourceId=GUARD), [
        {}, *(props(resourceGuardResourceId=guard) for guard in (
            5, "", "x", "/", [GUARD], VAULT, guard_id("bad", "none"),
            f"{GUARD}/deleteProtectedItemRequests/default"))]),
    Route("POST", f"{PROXY}/unlockDelete", {"resourceGuardOperationRequests": []}, [
        {"resourceGuardOperationRequests": requests, "resourceToBeDeleted": ITEM} for requests in (
            "x", 5, [5], ["x"], [f"{GUARD}/nonsense/default"], [f"{GUARD}/deleteProtectedItemRequests/other"],
            [guard_id("bad", "none") + "/deleteProtectedItemRequests/default"])] + [
        {"resourceGuardOperationRequests": [f"{GUARD}/deleteProtectedItemRequests/default"],
         "resourceToBeDeleted": target} for target in (None, 5, "", "x", VAULT)]),
    Route("POST", f"{ITEM}/repositoryCredentials"),
    Route("PUT", f"{ITEM}/repositoryQuotas/default", props(limitInBytes=1), [
        {}, *(props(limitInBytes=limit) for limit in ("x", -1, 1.5, [], 10 ** 30))]),
    Route("PUT", GUARD, {"location": REGION}, [{"location": "westeurope"}, {"location": 5}] + [
        {"location": REGION, **props(vaultCriticalOperationExclusionList=operations)} for operations in (
            "x", [5], ["everything"], ["Microsoft.RecoveryServices/vaults/backupconfig/write"])]),
    Route("PUT", auth(GROUP, "locks", "new"), props(level="CanNotDelete"), [
        {}, props(level=5), props(level="Sometimes")]),
    Route("PUT", auth(GROUP, "roleAssignments", GUIDS[0]), props(
        principalId=BOB.oid, roleDefinitionId=role_id(VAULT_SUB, READER), principalType="User"), [
        {}, *(props(principalId=who, roleDefinitionId=role_id(VAULT_SUB, READER)) for who in (5, "", "x", NOBODY)),
        *(props(principalId=BOB.oid, roleDefinitionId=role) for role in (
            5, "", "x", role_id(VAULT_SUB, NOBODY), GROUP)),
        props(principalId=BOB.oid, roleDefinitionId=role_id(VAULT_SUB, READER), principalType="Robot")]),
    Route("PUT", auth(V_SUB, "roleDefinitions", GUIDS[1]), props(
        roleName="Made up", permissions=[{"actions": ["*/read"]}], assignableScopes=[V_SUB]), [
        {}, props(roleName=5), props(roleName="Made up", permissions="x", assignableScopes=[V_SUB]),
        props(roleName="Made up", permissions=[{"actions": "*"}], assignableScopes=[V_SUB]),
        props(roleName="Made up", permissions=[{"actions": ["*"]}], assignableScopes=5)]),
    Route("PUT", auth(V_SUB, "roleDefinitions", READER), None, [
        props(roleName="Reader", permissions=[{"actions": ["*"]}], assignableScopes=["/"])]),
    Route("PUT", auth(GUARD, "roleEligibilityScheduleRequests", GUIDS[2]), None, [
        {}, asking(requestType=5), asking(requestType="Nonsense", scheduleInfo=lasting()),
        asking(requestType="AdminAssign", principalId=NOBODY, scheduleInfo=lasting()),
        asking(requestType="AdminAssign", roleDefinitionId="x", scheduleInfo=lasting()),
        asking(requestType="AdminAssign", scheduleInfo=5),
        asking(requestType="AdminAssign", scheduleInfo=lasting("Never")),
        *(asking(requestType="AdminAssign", principalId=SAM.oid, scheduleInfo=lasting(duration=duration))
          for duration in ("x", 5, "-P1D", "P0D", "P99999999999999999999Y"))]),
    Route("PUT", auth(GUARD, "roleAssignmentScheduleRequests", GUIDS[3]), None, [
        {}, asking(requestType="SelfActivate", scheduleInfo=lasting()), asking(requestType="SelfApprove"),
        asking(requestType="SelfActivate", principalId=5, scheduleInfo=lasting()),
        asking(requestType="SelfActivate", linkedRoleEligibilityScheduleId="x", scheduleInfo=lasting("x"))]),
    Route("PATCH", "ROLE POLICY", None, [
        props(rules=5), props(rules=[5]), props(rules=[{"id": "No_Such_Rule"}]), *(props(rules=[{
            "id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule", "setting": setting}])
            for setting in (5, {"isApprovalRequired": "x"}, {"isApprovalRequired": True, "approvalStages": "x"}))]),
    Route("PATCH", "STAGE", None, [{}, props(), props(reviewResult=5), props(reviewResult="Perhaps")]),
]
ROUTES = READS + WRITES
WITH_BODY = [route for route in WRITES if route.method != "DELETE" and route.wrong]
