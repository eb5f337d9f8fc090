"""What there is to see: two directories, vaults of both kinds with backups in them, a guard, and people who wait for one
another."""

import random
from contextlib import contextmanager
from dataclasses import dataclass, field

from clients import Arm
from restic import Restic, credentials_of
from scene import (ask_for_consent, assign, make_eligible, make_group, make_guard, make_item, make_policy, make_vault,
                   put_under_guard, require_approval_by)
from server import Server
from world import (ALICE, BOB, FABSEC, GUARD_SUB, READER, REGION, SAM, VAULT_SUB, Person, backup_vault_id, group_id)

GUEST = ALICE.oids[FABSEC]
WHOM_TO_ASK = "Ask the security team: security@fabsec.example, or 555 0100 at night."
DISKS = "Microsoft.Compute/disks"


@contextmanager
def running(home):
    """A server, and a look into its ledger at the end."""
    server = Server(home).start()
    yield server
    server.stop()
    server.verify_ledger()


def employ(server, admin, name, home=FABSEC):
    """Somebody new in a directory, with a password of their own."""
    http, first = server.http(), name.split()[0]
    http.headers["Authorization"] = f"Bearer {server.sign_in(admin, scope=server.graph)}"
    upn, password = f"{first.lower()}@{admin.upn.split('@')[1]}", f"{first} signs in here 1"
    made = http.post(f"{server.graph}/v1.0/users", json={
        "accountEnabled": True, "displayName": name, "userPrincipalName": upn, "mailNickname": first.lower(),
        "passwordProfile": {"password": password, "forceChangePasswordNextSignIn": False}})
    assert made.status_code == 201, made.text
    return Person(upn, password, home, {home: made.json()["id"]})


def back_up(server, person, item, home, times=1):
    """Real backups of a small folder, which changes in between."""
    home.mkdir(parents=True)
    restic, noise = Restic(server, credentials_of(person, item), home / "cache"), random.Random(1)
    restic.run("init")
    for turn in range(times):
        (home / f"letter{turn}").write_bytes(noise.randbytes(20_000))
        restic.run("backup", home, "--exclude", home / "cache")
    return restic


def disk_policy(days):
    """Daily, and kept for so many days."""
    store = {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"}
    tagging = {"isDefault": True, "taggingPriority": 99, "tagInfo": {"tagName": "Default"}}
    return {"properties": {"objectType": "BackupPolicy", "datasourceTypes": [DISKS], "policyRules": [
        {"objectType": "AzureBackupRule", "name": "BackupDaily", "dataStore": store,
         "backupParameters": {"objectType": "AzureBackupParams", "backupType": "Incremental"},
         "trigger": {"objectType": "ScheduleBasedTriggerContext", "taggingCriteria": [tagging],
                     "schedule": {"repeatingTimeIntervals": ["R/2026-01-01T02:00:00+00:00/P1D"]}}},
        {"objectType": "AzureRetentionRule", "name": "Default", "isDefault": True, "lifecycles": [
            {"sourceDataStore": store, "deleteAfter": {"objectType": "AbsoluteDeleteOption",
                                                       "duration": f"P{days}D"}}]}]}}


def make_backup_vault(person, group, name, disk):
    """A vault of the other kind, with a policy and a disk that is protected by it: (vault, instance)."""
    vault = backup_vault_id(group, name)
    person.rest("PUT", vault, {"location": REGION, "properties": {
        "securitySettings": {"softDeleteSettings": {"state": "On", "retentionDurationInDays": 30.0}},
        "storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]}})
    policy = person.rest("PUT", f"{vault}/backupPolicies/disks-30-days", disk_policy(30))["id"]
    source = f"{group_id(VAULT_SUB, group)}/providers/{DISKS}/{disk}"
    person.rest("PUT", f"{vault}/backupInstances/{disk}", {"properties": {
        "objectType": "BackupInstance", "friendlyName": disk, "policyInfo": {"policyId": policy},
        "dataSourceInfo": {"objectType": "Datasource", "datasourceType": DISKS, "resourceID": source,
                           "resourceName": disk, "resourceType": DISKS, "resourceLocation": REGION}}})
    return vault, f"{vault}/backupInstances/{disk}"


@dataclass
class Ground:
    """The ids of what the addresses of pages are about, without the slash in front, and the people who look at them."""
    server: Server
    people: dict
    ids: dict = field(default_factory=dict)

    def note(self, **ids):
        self.ids |= {name: each.lstrip("/") for name, each in ids.items()}


def lay_out(server, home):
    """Everything that pages show, and nothing that changes while they are looked at."""
    alice, sam = Arm(server, ALICE, also=[FABSEC]), Arm(server, SAM)
    olga = employ(server, SAM, "Olga Onduty")
    ground = Ground(server, {"alice": ALICE, "sam": SAM, "bob": BOB, "olga": olga})

    make_group(alice, VAULT_SUB, "production")
    vault = make_vault(alice, "production", "offices")
    policy, longer = make_policy(alice, vault, "daily-30-days"), make_policy(alice, vault, "daily-90-days", 90)
    item = make_item(alice, vault, policy, "srv01", "home")
    back_up(server, alice, item, home / "srv01", 3)
    make_item(alice, vault, longer, "db01", "dumps")
    gone = make_item(alice, vault, policy, "srv09", "old")
    back_up(server, alice, gone, home / "srv09")
    alice.rest("DELETE", gone)
    bare = make_vault(alice, "production", "workshop")
    make_item(alice, bare, make_policy(alice, bare, "daily-30-days"), "cad01", "drawings")
    backup_vault, instance = make_backup_vault(alice, "production", "disks", "erp-disk")
    back_up(server, alice, instance, home / "erp-disk")

    make_group(sam, GUARD_SUB, "guards")
    guard = make_guard(sam, "guards", "backup-guard", description=WHOM_TO_ASK)
    assign(sam, guard, GUARD_SUB, READER, GUEST)
    assign(sam, guard, GUARD_SUB, READER, olga.oid)
    require_approval_by(sam, guard, olga.oid, SAM.oid)
    make_eligible(sam, guard, GUEST)
    put_under_guard(alice, vault, guard)
    put_under_guard_of_the_other_kind(alice, backup_vault, guard)
    request = ask_for_consent(Arm(server, ALICE, tenant=FABSEC), guard, GUEST)

    ground.note(vault=vault, item=item, gone=gone, policy=policy, bare=bare, backup_vault=backup_vault,
                instance=instance, guard=guard, request=request["id"])
    return ground


def put_under_guard_of_the_other_kind(person, vault, guard):
    person.rest("PUT", f"{vault}/backupResourceGuardProxies/DppResourceGuardProxy",
                {"properties": {"resourceGuardResourceId": guard}})
