"""Repositories that restic made in a folder, brought into the repository of an item."""

import os
import shutil
import subprocess
from hashlib import sha256

import pytest

from clients import Arm
from restic import Restic, credentials_of
from scene import backup_ground, make_item
from server import Server, binary, until
from test_restic import files, tree  # noqa: F401
from world import ALICE

PASSWORD = "only the clients know this"


@pytest.fixture(scope="module")
def vault(alice):
    return backup_ground(alice, "import", name="spare")[0]


@pytest.fixture
def old(files, tmp_path):
    """A repository in a folder with three snapshots, and what each of them held."""
    folder, states = tmp_path / "old", []
    command = ["restic", "--repo", folder, "--cache-dir", tmp_path / "old-cache", "--quiet"]

    def restic(*words):
        subprocess.run([*command, *words], env=os.environ | {"RESTIC_PASSWORD": PASSWORD}, check=True, timeout=120)

    restic("init")
    for turn in range(3):
        (files / f"turn{turn}").write_bytes(os.urandom(400_000))
        restic("backup", files)
        states.append(tree(files))
    return folder, states


def import_command(server, restic, folder):
    return [binary(), "import", "--from", folder, "--to", restic.base, "--user", restic.user, "--ca", server.ca]


def bring(server, restic, folder, code=0):
    done = subprocess.run(import_command(server, restic, folder), text=True, capture_output=True, timeout=120,
                          env=os.environ | {"RESTIC_REST_PASSWORD": restic.secret})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def objects(folder):
    found = {}
    for path in folder.rglob("*"):
        if len(path.name) == 64 and path.is_file() and path.parent.name != "locks":
            found[path.relative_to(folder).parts[0], path.name] = path
    return found


def everything_is_there(restic, folder, states, files, tmp_path):
    for (kind, name), path in objects(folder).items():
        assert restic.http.get(f"{restic.base}{kind}/{name}").content == path.read_bytes()
    by_age = sorted((folder / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime)
    assert restic.snapshots() == {path.name for path in by_age}
    for path, state in zip(by_age, states, strict=True):
        restic.run("restore", path.name, "--target", tmp_path / "back" / path.name)
        assert tree(tmp_path / "back" / path.name / files.relative_to("/")) == state
    restic.run("check", "--read-data")


def test_all_snapshots_come_along_and_stay_when_the_client_forgets_them(server, alice, vault, old, files, tmp_path):
    folder, states = old
    (folder / "locks" / ("0" * 64)).write_bytes(b"a lock of long ago")
    (folder / "data/notes.txt").write_text("foreign")
    (folder / "README").write_text("foreign")
    before = tree(folder)
    item = make_item(alice, vault, f"{vault}/backupPolicies/files", name="all")
    restic = Restic(server, credentials_of(alice, item), tmp_path / "cache")
    said = bring(server, restic, folder)
    assert f"{len(objects(folder))} objects imported, 0 were there, 2 files left out, 0 damaged" in said
    assert "notes.txt: nothing of a repository" in said and "README: nothing of a repository" in said
    assert tree(folder) == before
    everything_is_there(restic, folder, states, files, tmp_path)
    assert restic.http.get(f"{restic.base}locks/").json() == []
    assert f"0 objects imported, {len(objects(folder))} were there" in bring(server, restic, folder)
    # Each is a recovery point that arrived in the order in which they were made, and keeps what it needs.
    points = alice.all(f"{item}/recoveryPoints")
    by_age = sorted((folder / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime)
    times = [next(each["properties"]["recoveryPointTime"] for each in points if path.name[:8] in str(each))
             for path in by_age]
    assert len(points) == 3 and times == sorted(times) and len(set(times)) == 3
    restic.run("forget", *(path.name for path in by_age[:2]), "--prune")
    assert len(alice.all(f"{item}/recoveryPoints")) == 3
    restic.run("backup", files)


def test_damaged_files_are_named_and_the_rest_comes(server, alice, vault, old, tmp_path):
    folder, _ = old
    item = make_item(alice, vault, f"{vault}/backupPolicies/files", name="damaged")
    restic = Restic(server, credentials_of(alice, item), tmp_path / "cache")
    pack = next(path for (kind, _), path in objects(folder).items() if kind == "data")
    content = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said = bring(server, restic, folder, code=1)
    assert f"{pack}: damaged" in said and "1 objects are damaged" in said
    assert restic.http.get(f"{restic.base}data/{pack.name}").status_code == 404
    assert len(restic.snapshots()) == 3
    # Found again, it is all that is missing.
    pack.write_bytes(content)
    assert "1 objects imported" in bring(server, restic, folder)
    restic.run("check", "--read-data")


def test_what_cannot_be_imported_is_refused(server, alice, vault, old, tmp_path):
    folder, _ = old
    item = make_item(alice, vault, f"{vault}/backupPolicies/files", name="taken")
    restic = Restic(server, credentials_of(alice, item), tmp_path / "cache")
    assert "is no repository" in bring(server, restic, tmp_path, code=1)
    restic.run("init")
    assert "exists with other content" in bring(server, restic, folder, code=1)
    assert restic.http.get(f"{restic.base}data/").json() == []
    restic.secret = "wrong"
    assert "401" in bring(server, restic, folder, code=1)


def test_an_import_survives_kills_of_either_side(old, files, tmp_path):
    folder, states = old
    server = Server(tmp_path / "server").start()
    alice = Arm(server, ALICE)
    _, item = backup_ground(alice, "import-kill")
    restic = Restic(server, credentials_of(alice, item), tmp_path / "cache")
    for number in range(150):  # so that it takes a moment
        content = os.urandom(5000)
        name = sha256(content).hexdigest()
        (folder / f"data/{name[:2]}").mkdir(exist_ok=True)
        (folder / f"data/{name[:2]}/{name}").write_bytes(content)

    def start():
        with open(tmp_path / "said", "w") as said:
            return subprocess.Popen(import_command(server, restic, folder), stdout=said, stderr=said,
                                    env=os.environ | {"RESTIC_REST_PASSWORD": restic.secret})

    def arrived():
        return len(restic.http.get(f"{restic.base}data/").json())

    for share in (20, 50):
        importing = start()
        until("some of it", lambda: arrived() >= share)
        importing.kill()
        assert importing.wait() != 0
    importing = start()
    until("more of it", lambda: arrived() >= 70)
    server.kill()
    server.start()
    assert importing.wait(120) == 0, (tmp_path / "said").read_text()
    everything_is_there(restic, folder, states, files, tmp_path)
    assert len(alice.all(f"{item}/recoveryPoints")) == 3
    server.stop()
    server.verify_ledger()
    shutil.rmtree(folder)
