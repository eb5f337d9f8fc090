"""Several servers on one database behave as one, also while they are killed and started again.

Threads play a random workload through whichever server they meet, and write down what they asked, what was answered and
when. What was answered is then checked against what may be.
"""

import os
import random
import signal
import threading
import time
from uuid import uuid4

import pytest
import requests

from clients import Arm
from cluster import Cluster
from restic import Restic, credentials_of
from scene import (ask_for_consent, assign, backup_ground, decide, make_eligible, make_guard, make_group,
                   put_under_guard, require_approval_by, stage_of)
from world import ALICE, BOB, FABSEC, GUARD_SUB, READER, REGION, SAM, VAULT_SUB, auth, group_id, proxy_id, role_id

SECONDS = float(os.environ.get("COUNTERSIGN_CLUSTER_SECONDS", "30"))
SEED = int(os.environ.get("COUNTERSIGN_CLUSTER_SEED", "0")) or random.randrange(1, 1 << 30)


class Person:
    """Somebody who may use any of the servers, with one token that all of them take."""

    def __init__(self, cluster, person, tenant=None, also=()):
        self.at = []
        first = Arm(cluster.servers[0], person, tenant, also)
        for server in cluster.servers:
            arm = object.__new__(Arm)
            arm.server, arm.http = server, server.http()
            arm.http.headers.update(first.http.headers)
            self.at.append(arm)


class Gone(Exception):
    """The server died, or said that it does not know: the request may have been done or not."""


def ask(arm, method, path, body=None):
    """The status of the answer and its body."""
    try:
        answer = arm.send(method, path, body)
    except requests.RequestException as error:
        raise Gone from error
    if answer.status_code == 503:
        raise Gone
    assert answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.status_code, answer.json() if answer.content else {}


class Workload:
    def __init__(self, cluster, seed):
        self.cluster, self.rng, self.end = cluster, random.Random(seed), time.monotonic() + SECONDS
        self.errors, self.threads, self.counts = [], [], {}

    def play(self, *parts):
        for part in parts:
            rng = random.Random(self.rng.random())
            self.threads.append(threading.Thread(target=self.until_the_end, args=[part, rng]))
        for thread in self.threads:
            thread.start()

    def until_the_end(self, part, rng):
        try:
            while time.monotonic() < self.end and not self.errors:
                part(rng)
                self.counts[part.__qualname__] = self.counts.get(part.__qualname__, 0) + 1
        except Exception as error:
            self.errors.append(error)

    def join(self):
        for thread in self.threads:
            thread.join(120)
            assert not thread.is_alive(), "a part of the workload hangs"
        if self.errors:
            raise self.errors[0]


class Registers:
    """Tags of resource groups, each written by one thread, counting up: what was acknowledged is never lost."""

    def __init__(self, alice):
        self.alice, self.acknowledged, self.tried, self.name = alice, 0, 0, f"register-{uuid4().hex[:8]}"
        alice.at[0].rest("PUT", group_id(VAULT_SUB, self.name), {"location": REGION, "tags": {"n": "0"}})

    def count(self, rng):
        self.tried += 1
        try:
            status, _ = ask(rng.choice(self.alice.at), "PUT", group_id(VAULT_SUB, self.name),
                            {"location": REGION, "tags": {"n": str(self.tried)}})
            assert status in (200, 201), status
            self.acknowledged = self.tried
        except Gone:
            # What may still be under way when the server died is over when another one answers.
            self.tried += 1000
        self.check(rng.choice(self.alice.at))

    def check(self, arm):
        try:
            status, group = ask(arm, "GET", group_id(VAULT_SUB, self.name))
        except Gone:
            return
        assert status == 200
        seen = int(group["tags"]["n"])
        assert self.acknowledged <= seen <= self.tried, f"{self.name}: {seen}, but {self.acknowledged} was acknowledged"


class Revocations:
    """From the answer of the call that revokes, no server lets Bob in any more."""

    def __init__(self, alice, bob):
        self.alice, self.bob, self.scope = alice, bob, group_id(VAULT_SUB, f"revoked-{uuid4().hex[:8]}")
        self.name, self.uncertain = uuid4(), False
        alice.at[0].rest("PUT", self.scope, {"location": REGION})

    def give_and_take(self, rng):
        path = auth(self.scope, "roleAssignments", self.name)
        body = {"properties": {"roleDefinitionId": role_id(VAULT_SUB, READER), "principalId": BOB.oid,
                               "principalType": "User"}}
        try:
            status, _ = ask(rng.choice(self.alice.at), "PUT", path, body)
            if status == 409 and self.uncertain:  # a call whose answer was lost had been made all the same
                return self.clean(rng)
            assert status in (200, 201), status
            # A right that was given is there at once, on every server.
            self.everywhere(rng, 200)
            status, _ = ask(rng.choice(self.alice.at), "DELETE", path)
            assert status == 200, status
            self.everywhere(rng, 403)
        except Gone:
            self.uncertain = True
            self.clean(rng)

    def everywhere(self, rng, expected):
        for arm in rng.sample(self.bob.at, len(self.bob.at)):
            try:
                status, _ = ask(arm, "GET", self.scope)
            except Gone:
                continue
            assert status == expected, f"Bob gets {status} where {expected} is due"

    def clean(self, rng):
        """After a call whose fate is unknown: takes away what it may have left."""
        while time.monotonic() < self.alice.end:
            try:
                _, found = ask(rng.choice(self.alice.at), "GET", auth(self.scope, "roleAssignments") + "?$filter=atScope()")
                for each in found["value"]:
                    if each["properties"]["scope"].lower() == self.scope.lower():
                        ask(rng.choice(self.alice.at), "DELETE", each["id"])
                self.name = uuid4()
                return
            except Gone:
                pass


class Permits:
    """An unlock is good for one deletion, whichever servers are asked, and however many at once."""

    def __init__(self, alice, vault, guard, item):
        self.alice, self.vault, self.guard, self.item = alice, vault, guard, item
        self.used = 0

    def unlock_and_delete(self, rng):
        request = f"{self.guard}/deleteProtectedItemRequests/default"
        try:
            status, answer = ask(rng.choice(self.alice.at), "POST", f"{proxy_id(self.vault)}/unlockDelete",
                                 {"resourceGuardOperationRequests": [request], "resourceToBeDeleted": self.item})
            assert status == 200, (status, answer)
            outcomes = self.delete_at_once(rng)
            if "gone" not in outcomes:
                # One deletes; to those who come later it is deleted already. The ledger tells who did: `one_for_each`.
                assert 202 in outcomes, outcomes
                # It is used up on every server.
                self.bring_back(rng)
                again, _ = ask(rng.choice(self.alice.at), "DELETE", self.item)
                assert again == 403, again
                self.used += 1
            self.bring_back(rng)
        except Gone:
            self.settle(rng)

    def one_for_each(self, entries):
        """Each deletion that changed something had an unlock of its own."""
        unlocks, deletions = 0, 0
        for entry in entries:
            operation = entry["operation"].lower()
            if entry["verdict"] != "done" or entry.get("change") is None:
                continue
            if operation.endswith("/unlockdelete/action"):
                unlocks += 1
            if operation.endswith("/protecteditems/delete"):
                deletions += 1
                assert entry["consent"], f"deleted without consent: {entry}"
            assert deletions <= unlocks, f"deletion {deletions} after {unlocks} unlocks: {entry}"
        assert deletions >= self.used, (deletions, self.used)

    def delete_at_once(self, rng):
        outcomes, lock = [], threading.Lock()

        def delete(arm):
            try:
                status, _ = ask(arm, "DELETE", self.item)
            except Gone:
                status = "gone"
            except AssertionError as error:
                status = str(error)
            with lock:
                outcomes.append(status)

        threads = [threading.Thread(target=delete, args=[arm]) for arm in self.alice.at]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert all(outcome in (200, 202, 403, 409, 404, "gone") for outcome in outcomes), outcomes
        return outcomes

    def bring_back(self, rng):
        arm = rng.choice(self.alice.at)
        status, item = ask(arm, "GET", self.item)
        assert status == 200, status
        if item["properties"].get("isScheduledForDeferredDelete"):
            ask(arm, "PUT", self.item, {"properties": {
                "protectedItemType": "MabFileFolderProtectedItem", "policyId": "",
                "protectionState": "ProtectionStopped", "isRehydrate": True}})

    def settle(self, rng):
        """After a request whose fate is unknown: uses up an unlock that may be left, so that the next round starts clean."""
        while True:
            try:
                self.bring_back(rng)
                status, _ = ask(rng.choice(self.alice.at), "DELETE", self.item)
                self.bring_back(rng)
                if status == 403:
                    return
            except Gone:
                if time.monotonic() > self.alice.end:
                    return


def the_guarded_vault(cluster, alice, sam):
    """Alice's vault with an item, under Sam's guard, and the consent that lets her unlock for an hour."""
    vault, item = backup_ground(alice.at[0], "many")
    make_group(sam.at[0], GUARD_SUB, "guards")
    guard = make_guard(sam.at[0], "guards", "many")
    guest = ALICE.oids[FABSEC]
    assign(sam.at[0], guard, GUARD_SUB, READER, guest)
    require_approval_by(sam.at[0], guard, SAM.oid)
    make_eligible(sam.at[0], guard, guest)
    put_under_guard(alice.at[0], vault, guard)
    # Asked at one server, approved at the next, used at all.
    as_guest = Person(cluster, ALICE, tenant=FABSEC)
    request = ask_for_consent(as_guest.at[0], guard, guest)
    decide(sam.at[-1], stage_of(sam.at[-1], guard, request))
    return vault, guard, item


def kill_and_start(cluster, workload):
    """Ends one server after the other, with and without warning, and starts it again."""
    rng, kills = random.Random(workload.rng.random()), 0
    while time.monotonic() < workload.end and not workload.errors:
        time.sleep(rng.uniform(0.5, 2.0))
        server = rng.choice(cluster.servers)
        if rng.random() < 0.7:
            server.kill()
        else:
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0, server.log()
        server.start()
        kills += 1
    return kills


@pytest.mark.parametrize("count", [2, 3])
def test_servers_on_one_database_behave_as_one(tmp_path, count):
    print(f"replay with COUNTERSIGN_CLUSTER_SEED={SEED}")
    cluster = Cluster(tmp_path, count).start()
    alice, bob, sam = Person(cluster, ALICE, also=[FABSEC]), Person(cluster, BOB), Person(cluster, SAM)
    vault, guard, item = the_guarded_vault(cluster, alice, sam)
    workload = Workload(cluster, SEED)
    alice.end = workload.end
    registers = [Registers(alice) for _ in range(2)]
    revocations = Revocations(alice, bob)
    permits = Permits(alice, vault, guard, item)
    workload.play(*[register.count for register in registers], revocations.give_and_take, permits.unlock_and_delete)
    kills = kill_and_start(cluster, workload)
    workload.join()
    print(f"{kills} kills; {workload.counts}; {permits.used} unlocks used")
    assert kills >= 3 and permits.used >= 1 and all(workload.counts.values())
    for register in registers:
        for arm in alice.at:
            register.check(arm)
    cluster.stop()
    permits.one_for_each(cluster.ledger())


def test_backups_go_on_through_whichever_server_is_there(tmp_path):
    """A rolling restart: real restic meets another server each time, and loses nothing."""
    cluster = Cluster(tmp_path, 2).start()
    alice = Person(cluster, ALICE)
    _, item = backup_ground(alice.at[0], "rolling")
    credentials = credentials_of(alice.at[0], item)
    first = Restic(cluster.servers[0], credentials, tmp_path / "cache")
    first.http.post(f"{first.base}?create=true")
    stored = {}
    rng = random.Random(SEED)
    for turn in range(4):
        ends, stays = cluster.servers[turn % 2], cluster.servers[1 - turn % 2]
        ends.stop()
        restic = Restic(stays, credentials, tmp_path / "cache")
        content = rng.randbytes(100_000)
        assert restic.post("data", content).status_code == 200
        stored[len(stored)] = content
        ends.start()
        for server in cluster.servers:
            reader = Restic(server, credentials, tmp_path / "cache")
            names = reader.http.get(f"{reader.base}data/").json()
            assert len(names) == len(stored)
            for name in names:
                assert reader.http.get(f"{reader.base}data/{name}").content in stored.values()
    cluster.stop()
