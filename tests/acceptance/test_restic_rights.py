"""Real restic with credentials that may do less than everything, whose secrets change, and where little fits."""

import json
import subprocess
import time
from hashlib import sha256

import pytest

from clients import Refused, refused
from restic import Restic, credentials_of
from scene import backup_ground, make_item
from test_restic import files, restored, tree  # noqa: F401


@pytest.fixture(scope="module")
def vault(alice):
    return backup_ground(alice, "rights", name="spare")[0]


@pytest.fixture
def item(alice, vault, request):
    return make_item(alice, vault, f"{vault}/backupPolicies/files", name=request.node.name.replace("_", "-"))


@pytest.fixture
def holding(server, alice, item, tmp_path):
    """Restic with a fresh credential of a right, and a cache of its own."""
    return lambda right: Restic(server, credentials_of(alice, item, right=right), tmp_path / f"cache-{right}")


def test_a_host_that_may_only_append_sees_no_history(server, alice, item, holding, files, tmp_path):  # noqa: F811
    credentials = credentials_of(alice, item, right="Append")
    append, read, prune = Restic(server, credentials, tmp_path / "cache"), holding("Read"), holding("Prune")
    append.run("init")
    append.run("backup", files)
    (files / "letter.txt").write_text("Dear backup, I have changed my mind.")
    before = len(read.http.get(f"{read.base}data/").json())
    summary = json.loads(append.run("backup", files, "--json").splitlines()[-1])
    # It reads every file again, and stores what is new alone.
    assert summary["files_unmodified"] == 0 and summary["data_added"] < 100_000
    assert len(read.http.get(f"{read.base}data/").json()) - before <= 2
    append.run("unlock")

    points = [point["name"] for point in alice.all(f"{item}/recoveryPoints")]
    assert len(points) == 2 and append.snapshots() == set()
    # Whoever stole its credentials and the password gets no further; what the host's own cache holds, it wrote itself.
    thief = Restic(server, credentials, tmp_path / "fresh")
    for words in (("restore", "latest", "--target", tmp_path / "stolen"), ("restore", points[0][:8], "--target", tmp_path),
                  ("dump", points[0][:8], files / "letter.txt"), ("cat", "snapshot", points[0])):
        with refused():
            thief.run(*words)
    assert "letter" not in thief.run("ls", points[0][:8])
    for path in (f"snapshots/{points[0]}", f"data/{read.http.get(f'{read.base}data/').json()[0]}", "data/"):
        answer = append.http.get(append.base + path)
        assert answer.status_code == 403 and "Read, Prune or Full" in answer.text, answer.text
        assert "/repositoryCredentials" in answer.text
    view = append.base.rstrip("/") + f"@{points[0]}/"
    assert append.http.get(f"{view}config").status_code == 403
    for path in (f"snapshots/{points[0]}", "config", f"keys/{read.http.get(f'{read.base}keys/').json()[0]}"):
        assert append.http.delete(append.base + path).status_code == 403

    # Who may read restores, also from a view, and stores nothing.
    assert restored(read, files, tmp_path / "restored") == tree(files)
    assert len(read.snapshots()) == 2
    assert read.post("data", b"new").status_code == 403
    assert read.http.delete(f"{read.base}snapshots/{points[0]}").status_code == 403

    # Who may prune does; the host goes on.
    prune.run("forget", "--keep-last", 1, "--prune")
    prune.run("check", "--read-data")
    assert len(prune.snapshots()) == 1
    append.run("backup", files)
    prune.run("check", "--read-data")
    assert restored(prune, files, tmp_path / "again") == tree(files)
    assert prune.http.delete(f"{prune.base}config").status_code == 403
    assert len(alice.all(f"{item}/recoveryPoints")) == 3


def test_a_secret_changes_while_a_backup_runs(server, alice, item, holding, files, tmp_path):  # noqa: F811
    old = holding("Append")
    old.run("init")
    (files / "large").write_bytes(bytes(range(256)) * 10)
    (files / "noise").write_bytes(b"".join(sha256(str(n).encode()).digest() for n in range(250_000)))
    running = subprocess.Popen([*old.command, "--limit-upload", "2048", "backup", str(files)], env=old.env,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    locks = f"{old.base}locks/"
    for _ in range(200):
        if old.http.get(locks).json() or running.poll() is not None:
            break
        time.sleep(0.05)
    assert running.poll() is None, running.stdout.read()
    credential = f"{item}/repositoryCredentials/{old.user}"
    fresh = alice.rest("POST", f"{credential}/rotate")
    assert running.poll() is None, "the backup ended before the rotation"
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 0, said

    # Both secrets work, and the list tells which are used.
    new = Restic(server, fresh, tmp_path / "cache")
    new.run("backup", files)
    shown = alice.rest("GET", credential)
    assert shown["lastUsedOn"] and shown["previousSecret"]["lastUsedOn"] and shown["previousSecret"]["expiresOn"]
    assert old.secret not in str(shown) and new.secret not in str(shown)
    last = Restic(server, alice.rest("POST", f"{credential}/rotate", {"overlapInHours": 0}), tmp_path / "cache")
    for retired in old, new:
        assert retired.http.get(f"{retired.base}config").status_code == 401
    last.run("backup", files)
    assert len(alice.all(f"{item}/recoveryPoints")) == 3


def test_a_quota_ends_a_backup_and_not_the_restore(alice, item, holding, files, tmp_path):  # noqa: F811
    restic = holding("Full")
    restic.run("init")
    restic.run("backup", files)
    quota = f"{item}/repositoryQuotas/default"
    used = alice.rest("GET", quota)["properties"]["usedInBytes"]
    assert used > 3_000_000
    assert alice.rest("PUT", quota, {"properties": {"limitInBytes": used + 1_000_000}})["properties"] == {
        "limitInBytes": used + 1_000_000, "usedInBytes": used}
    points = len(alice.all(f"{item}/recoveryPoints"))
    (files / "more").write_bytes(b"".join(sha256(str(n).encode()).digest() for n in range(100_000)))
    with refused():
        restic.run("backup", files)
    answer = restic.post("data", b"x" * 2_000_000)
    assert answer.status_code == 507 and "repositoryQuotas/default" in answer.text
    assert len(alice.all(f"{item}/recoveryPoints")) == points
    (files / "more").unlink()
    assert restored(restic, files, tmp_path / "restored") == tree(files)
    # Deleting does not help, because what was deleted is kept; raising the quota does.
    alice.rest("DELETE", quota)
    restic.run("backup", files)
    restic.run("check", "--read-data")
