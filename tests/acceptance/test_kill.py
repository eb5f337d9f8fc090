"""`kill -9` in the middle of uploads and control-plane writes: what was acknowledged is there, and the ledger whole."""

import os
import random
import threading
import time
from hashlib import sha256
from uuid import uuid4

import requests

from clients import Arm
from restic import Restic, credentials_of
from scene import backup_ground, mab_policy
from server import Server, until
from world import ALICE, BOB, READER, REGION, VAULT_SUB, auth, group_id, role_id

ROUNDS = int(os.environ.get("COUNTERSIGN_KILL_ROUNDS", "12"))
SECONDS = 60  # however many rounds there are, this is enough of them
SIZES = (1, 700, 40_000, 1_500_000)


class Writers:
    """Threads that write until the server dies under them, and remember what it acknowledged."""

    def __init__(self, server, alice, restic, vault, seed):
        self.alice, self.restic, self.vault, self.seed = alice, restic, vault, seed
        self.objects, self.documents, self.errors = {}, {}, []
        self.tag = 0  # the last value of a tag that was acknowledged
        work = [lambda n=n: self.upload(n) for n in range(4)] + [self.policies, self.assignments, self.tags]
        self.threads = [threading.Thread(target=self.until_it_dies, args=[each]) for each in work]
        for each in self.threads:
            each.start()

    def until_it_dies(self, work):
        try:
            work()
        except requests.RequestException:
            pass  # this is what we came for
        except Exception as error:
            self.errors.append(error)

    def acknowledged(self, answer):
        assert answer.status_code in (200, 201), f"{answer.url}: {answer.status_code} {answer.text}"
        return answer

    def upload(self, n):
        rng = random.Random(f"{self.seed}/{n}")
        while True:
            kind, content = rng.choice(("data", "data", "index", "snapshots")), rng.randbytes(rng.choice(SIZES))
            self.acknowledged(self.restic.post(kind, content))
            self.objects[kind, sha256(content).hexdigest()] = content

    def put(self, path, body):
        self.documents[path] = self.acknowledged(self.alice.send("PUT", path, body)).json()

    def policies(self):
        for n in range(10_000):
            self.put(f"{self.vault}/backupPolicies/p{self.seed}-{n}", mab_policy(10 + n))

    def assignments(self):
        """Each in a group of its own, since a role is assigned to somebody only once at a scope."""
        for n in range(10_000):
            scope = group_id(VAULT_SUB, f"kill-{self.seed}-{n}")
            self.put(scope, {"location": REGION})
            self.put(auth(scope, "roleAssignments", uuid4()), {"properties": {
                "roleDefinitionId": role_id(VAULT_SUB, READER), "principalId": BOB.oid, "principalType": "User"}})

    def tags(self):
        for n in range(1, 10_000):
            self.acknowledged(self.alice.send("PUT", group_id(VAULT_SUB, "kill"), {
                "location": REGION, "tags": {"round": str(self.seed), "n": str(n)}}))
            self.tag = n

    def wait_for(self, count):
        until("some writes", lambda: len(self.objects) + len(self.documents) >= count or self.errors)

    def join(self):
        for each in self.threads:
            each.join(60)
            assert not each.is_alive()
        assert not self.errors, self.errors[0]


def test_what_was_acknowledged_survives_every_kill(tmp_path):
    server = Server(tmp_path / "killed").start()
    alice = Arm(server, ALICE)  # her token, too, has to outlive the kills
    vault, item = backup_ground(alice, "kill")
    restic = Restic(server, credentials_of(alice, item), tmp_path / "cache")
    restic.http.post(f"{restic.base}?create=true")
    rng, kept, end = random.Random(2), {}, time.monotonic() + SECONDS
    for turn in range(ROUNDS):
        if time.monotonic() > end:
            break
        writers = Writers(server, alice, restic, vault, turn)
        writers.wait_for(rng.randrange(5, 60))
        server.kill()
        writers.join()
        server.verify_ledger()
        server.start()
        kept |= writers.objects
        everything_is_there(alice, restic, item, writers, kept, turn)
    assert turn + 1 >= min(ROUNDS, 3), f"only {turn + 1} rounds in {SECONDS} s"
    for (kind, name), content in kept.items():
        assert restic.http.get(f"{restic.base}{kind}/{name}").content == content
    server.stop()
    server.verify_ledger()


def everything_is_there(alice, restic, item, writers, kept, turn):
    for (kind, name), content in writers.objects.items():
        answer = restic.http.get(f"{restic.base}{kind}/{name}")
        assert answer.status_code == 200 and answer.content == content, f"lost after kill {turn}: {kind}/{name}"
    for kind in ("data", "index", "snapshots"):
        listed = set(restic.http.get(f"{restic.base}{kind}/").json())
        assert {name for where, name in kept if where == kind} <= listed
    points = str(alice.all(f"{item}/recoveryPoints"))
    assert all(name[:8] in points for where, name in kept if where == "snapshots")
    for path, document in writers.documents.items():
        assert alice.rest("GET", path)["properties"] == document["properties"], f"changed by kill {turn}: {path}"
    if writers.tag:  # the write that was cut off may have happened or not; nothing else may
        tags = alice.rest("GET", group_id(VAULT_SUB, "kill"))["tags"]
        assert tags["round"] == str(turn) and int(tags["n"]) in (writers.tag, writers.tag + 1)
