"""What az and Azure said to each other, said again to this server: the same requests in the same order, and answers of
the same form. Every difference is listed here with its reason; one that is not, or is no more, fails.

Needs the recordings (see replay.py), which are not part of this project.
"""

import json
import os
import re
from pathlib import Path

import pytest

from clients import Arm
from replay import NOBODY, differences, steps
from scene import make_group
from server import Server
from world import ALICE, BOB, VAULT_SUB, group_id

FOLDER = os.environ.get("COUNTERSIGN_RECORDINGS")
pytestmark = pytest.mark.skipif(not FOLDER, reason="COUNTERSIGN_RECORDINGS names no folder of recordings")

AT_ONCE = "what takes Azure a while is done here before the answer, so that there is nothing to ask about"
NO_MACHINES = "machines announce themselves here; a backup server does not look for them in a cloud"
STAYS = "a machine stays registered when its last item is gone, and the vault is not empty then"
GONE = "the recorded region keeps deleted items although soft delete was disabled; here it is as the vault says"

# Recording -> what to say differently, and (step, difference, reason) of what is answered differently.
MAPPING = [
    ("PUT .*/vaults/[^/]*", "header azure-asyncoperation", AT_ONCE),
    ("GET .*/backupProtectableItems", "key value.*", NO_MACHINES),
]
RECORDINGS = {
    "test_backup_rg_mapping": MAPPING + [
        ("GET .*/backupProtectedItems", "key value.*", GONE),
        ("DELETE .*/protectedItems/.*", "status 202, here 204|header .*", GONE),
        ("DELETE .*/vaults/[^/]*", "status 202, here 400", STAYS),
    ],
    "test_backup_softdelete": MAPPING + [
        ("DELETE .*/vaults/[^/]*", "status 202, here 400", STAYS),
    ],
    "test_dataprotection_backup_instance_update_protection": [],
    "test_dataprotection_backup_vault_create_and_delete": [
        (".* .*/backupVaults(/[^/]*)?", r"key (value\.\[\]\.)?identity\.(principalId|tenantId)",
         "a vault in Azure reaches its sources as an application of its own; here clients bring their backups"),
        (".* .*/backupVaults(/[^/]*)?", r"key (value\.\[\]\.)?properties\.replicatedRegions\.\[\]",
         "nothing is replicated to another region"),
        ("DELETE .*/backupVaults/[^/]*", "status 202, here 204|header .*", AT_ONCE),
    ],
    "test_dataprotection_resource_guard_create_and_delete": [],
    "test_dataprotection_resource_guard_update": [],
    "test_provider_registration": [
        (".* /providers/Microsoft.DataProtection(/.*)?", r"key authorization(\..*)?",
         "the recorded provider acts by an application of its own; here a provider is no application"),
    ],
    "test_resource_lock_commands": [
        ("GET /providers/Microsoft.Authorization/locks", r"key value\.\[\]\.properties\.notes",
         "the recorded subscription had locks with notes; the recording itself makes none"),
    ],
    "test_role_assignment_create_update": [
        ("PUT .*/roleAssignments/.*", "status 201, here 200", "what is changed is not created"),
    ],
}
SAID = {
    # A provider that there is.
    "test_provider_registration": [("Microsoft.ClassicInfrastructureMigrate", "Microsoft.DataProtection")],
    # Somebody whom the directory knows, and no condition: an assignment with one is refused here.
    "test_role_assignment_create_update": [
        ("06651546-4121-4ccd-a25d-13fe0422467e", BOB.oid),
        ("\"@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:Name] stringEquals 'foo'\"", "null"),
        ('"conditionVersion": "2.0"', '"conditionVersion": null'),
    ],
}


@pytest.fixture(params=RECORDINGS)
def recording(request, tmp_path):
    """A server of its own: recordings share names."""
    server = Server(tmp_path / "server").start()
    yield request.param, Arm(server, ALICE)
    server.stop()
    server.verify_ledger()


GROUP = re.compile(r"/resourcegroups/([^/?]+)", re.I)
GUARD = re.compile(r"[^\"]*/providers/Microsoft.DataProtection/resourceGuards/[^/\"]+", re.I)


def prepare(alice, todo):
    """What was there before the recording began: groups with their tags, and the guard that a vault is linked to."""
    first = {}
    for step in todo:
        if name := GROUP.search(step.target):
            first.setdefault(name[1], step)
    if first:
        make_group(alice, VAULT_SUB, "registers-the-providers")
    for name, step in first.items():
        if step.method == "PUT" and GROUP.sub("", step.target).startswith(f"/subscriptions/{VAULT_SUB}?"):
            continue
        make_group(alice, VAULT_SUB, name)
        if isinstance(step.answer, dict) and step.answer.get("tags"):
            alice.rest("PATCH", group_id(VAULT_SUB, name), {"tags": step.answer["tags"]})
    said = [step.body for step in todo if "/resourceGuards/" not in step.target]
    for guard in set(GUARD.findall(json.dumps(said))):
        guard = guard.lower()
        make_group(alice, VAULT_SUB, GROUP.search(guard)[1])
        alice.rest("PUT", guard, {"location": "centraluseuap"})
    if re.fullmatch("GET .*/backupInstances/[^/]*", todo[0].name):
        make_instance(alice, json.loads(json.dumps(todo[0].answer).replace(NOBODY, VAULT_SUB)))


def make_instance(alice, there):
    """A backup instance that the recording found, in a vault and with a policy of the names that it had."""
    policy = there["properties"]["policyInfo"]["policyId"]
    alice.rest("PUT", policy.split("/backupPolicies/")[0], {"location": "centraluseuap", "properties": {
        "storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]}})
    alice.rest("PUT", policy, disk_policy())
    said = {key: there["properties"][key] for key in ("objectType", "friendlyName", "dataSourceInfo", "policyInfo")}
    alice.rest("PUT", there["id"], {"properties": said})


def disk_policy():
    store = {"objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore"}
    schedule = {"repeatingTimeIntervals": ["R/2026-01-01T05:30:00+00:00/P1D"], "timeZone": "UTC"}
    default = {"isDefault": True, "taggingPriority": 99, "tagInfo": {"tagName": "Default"}}
    backup = {"objectType": "AzureBackupRule", "name": "BackupDaily", "dataStore": store,
              "backupParameters": {"objectType": "AzureBackupParams", "backupType": "Incremental"},
              "trigger": {"objectType": "ScheduleBasedTriggerContext", "schedule": schedule,
                          "taggingCriteria": [default]}}
    week = {"sourceDataStore": store, "targetDataStoreCopySettings": [],
            "deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": "P7D"}}
    retention = {"objectType": "AzureRetentionRule", "name": "Default", "isDefault": True, "lifecycles": [week]}
    return {"properties": {"objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.Compute/disks"],
                           "policyRules": [backup, retention]}}


def test_answers_have_the_form_that_azures_had(recording):
    name, alice = recording
    todo = list(steps(Path(FOLDER) / f"{name}.yaml", SAID.get(name, [])))
    prepare(alice, todo)
    expected, seen, unexpected = RECORDINGS[name], set(), []
    for step in todo:
        answer = alice.send(step.method, step.target, step.body)
        if status := answer.headers.get("Azure-AsyncOperation"):
            assert alice.http.get(status).json()["status"] == "Succeeded", step.name
        for difference in differences(step, answer):
            known = [rule for rule in expected
                     if re.fullmatch(rule[0], step.name) and re.fullmatch(rule[1], difference)]
            seen.update(known[:1])
            if not known:
                unexpected.append(f"{step.name}: {difference} ({answer.text[:300]})")
    assert not unexpected, "\n".join(unexpected)
    assert not set(expected) - seen, "no longer different: " + str(set(expected) - seen)
