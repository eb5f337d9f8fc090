"""What there is to see: two directories, vaults of both kinds with backups in them, a guard, and people who wait for one
another."""

import os
import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from requests.adapters import HTTPAdapter
from urllib3 import Retry

from clients import Arm, refused
from restic import Restic, credentials_of
from scene import (ask_for_consent, assign, make_eligible, make_group, make_guard, make_item, make_policy, make_vault,
                   mab_policy, put_under_guard, require_approval_by)
from server import Server
from world import (ALICE, AUTOMATION, BOB, FABSEC, GUARD_SUB, MUA_OPERATOR, OPERATORS, READER, REGION, SAM, VAULT_SUB, Person,
                   backup_vault_id, group_id, role_id)

GUEST = ALICE.oids[FABSEC]
WHOM_TO_ASK = "Ask the security team: security@fabsec.example, or 555 0100 at night."
TICKET = "ticket 42: the old host is gone"
DAYS = 40  # how far back the ground goes
DISKS = "Microsoft.Compute/disks"


class Time:
    """The time of a server, which began in the past and is brought forward. Its wall clock and its monotonic clock agree,
    as if the time had passed."""

    def __init__(self, home, days_ago):
        self.file = home / "time"
        self.offset = timedelta(days=-days_ago)
        self.write()
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        self.env = os.environ | {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self.file),
                                 "FAKETIME_NO_CACHE": "1"}

    def write(self):
        new = self.file.with_suffix(".new")
        new.write_text(f"{self.offset.total_seconds():+.0f}\n")
        new.rename(self.file)

    def passes(self, **span):
        self.offset += timedelta(**span)
        self.write()

    def is_now(self):
        self.offset = timedelta()
        self.write()


@contextmanager
def running(home, days_ago=0):
    """A server whose time is `days_ago`, and that time; with a look into its ledger at the end."""
    home.mkdir(parents=True, exist_ok=True)
    time = Time(home, days_ago)
    server = Server(home, env=time.env).start()
    yield server, time
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


class Host:
    """A machine whose backups are quickly made: what restic would send, without a meaning that only restic could read."""

    def __init__(self, server, person, item, name):
        self.restic, self.noise = Restic(server, credentials_of(person, item), Path("/nowhere")), random.Random(name)
        # Days pass between two requests: to the server, whoever is just connecting has taken a day for it.
        again = HTTPAdapter(max_retries=Retry(total=5, backoff_factor=0.1, allowed_methods=None))
        self.restic.http.mount("https://", again)
        for path, content in ("?create=true", b""), ("config", b"the configuration"):
            assert self.restic.http.post(f"{self.restic.base}{path}", data=content).status_code == 200

    def back_up(self):
        for kind, size in ("data", self.noise.randrange(20_000, 200_000)), ("index", 300), ("snapshots", 200):
            assert self.restic.post(kind, self.noise.randbytes(size)).status_code == 200


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
    hosts: list = field(default_factory=list)
    ids: dict = field(default_factory=dict)
    secrets: tuple = ("offices", "workshop", "erp-disk", "srv01", "srv09", "db01", "cad01", "daily-30-days",
                      "backup-guard", "555 0100", TICKET, "Olga Onduty", "Sam Security")

    def note(self, **ids):
        self.ids |= {name: each.lstrip("/") for name, each in ids.items()}


def lay_out(server, time):
    """Everything that pages show, and nothing that changes while they are looked at. It begins `DAYS` ago."""
    alice, sam = Arm(server, ALICE, also=[FABSEC]), Arm(server, SAM)
    olga = employ(server, SAM, "Olga Onduty")
    ground = Ground(server, {"alice": ALICE, "sam": SAM, "bob": BOB, "olga": olga})

    make_group(alice, VAULT_SUB, "production")
    vault = make_vault(alice, "production", "offices")
    policy, longer = make_policy(alice, vault, "daily-30-days"), make_policy(alice, vault, "daily-90-days", 90)
    item, old = make_item(alice, vault, policy, "srv01", "home"), make_item(alice, vault, policy, "srv09", "old")
    make_item(alice, vault, longer, "db01", "dumps")  # without a backup
    bare = make_vault(alice, "production", "workshop")
    make_item(alice, bare, make_policy(alice, bare, "daily-30-days"), "cad01", "drawings")
    backup_vault, instance = make_backup_vault(alice, "production", "disks", "erp-disk")
    hosts = ground.hosts = [Host(server, alice, *each) for each in ((item, "home"), (old, "old"), (instance, "erp-disk"))]
    for _ in range(DAYS):
        for host in hosts:
            host.back_up()
        time.passes(days=1)
    time.is_now()

    alice, sam = Arm(server, ALICE, also=[FABSEC]), Arm(server, SAM)  # the tokens of then are over
    alice.rest("DELETE", old)
    hosts[0].back_up()
    make_group(sam, GUARD_SUB, "guards")
    guard = make_guard(sam, "guards", "backup-guard", description=WHOM_TO_ASK)
    for each in GUEST, olga.oid:
        assign(sam, guard, GUARD_SUB, READER, each)
    require_approval_by(sam, guard, olga.oid, SAM.oid)
    make_eligible(sam, guard, GUEST)
    put_under_guard(alice, vault, guard)
    alice.rest("PUT", f"{backup_vault}/backupResourceGuardProxies/DppResourceGuardProxy",
               {"properties": {"resourceGuardResourceId": guard}})
    request = ask_for_consent(Arm(server, ALICE, tenant=FABSEC), guard, GUEST, TICKET)
    with refused("UserErrorResourceGuardOperationRequestMissing"):  # which makes an alert
        alice.rest("PUT", policy, mab_policy(7))

    point, job, alert = (alice.all(path)[0]["id"] for path in (
        f"{item}/recoveryPoints", f"{vault}/backupJobs", f"{vault}/providers/Microsoft.AlertsManagement/alerts"))
    ground.note(vault=vault, item=item, old=old, policy=policy, point=point, job=job, alert=alert, bare=bare,
                backup_vault=backup_vault, instance=instance, guard=guard, request=request["id"],
                approval=request["properties"]["approvalId"].rsplit("/")[-1], alice=ALICE.oid, guest=GUEST, sam=SAM.oid,
                olga=olga.oid, group=OPERATORS, application=AUTOMATION.oids[ALICE.home],
                role=quote(role_id(GUARD_SUB, MUA_OPERATOR)))
    return ground
