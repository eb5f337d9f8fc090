"""Real restic on the view of a recovery point, after somebody with all credentials did their worst to the repository."""

import os

import pytest

from clients import refused
from restic import Restic, credentials_of
from scene import backup_ground, make_item
from test_restic import files, tree  # noqa: F401

OLD = "only the clients know this"
NEW = "only the attacker knows this"


@pytest.fixture(scope="module")
def vault(alice):
    return backup_ground(alice, "views", name="spare")[0]


@pytest.fixture
def protected(alice, vault, tmp_path, request):
    item = make_item(alice, vault, f"{vault}/backupPolicies/files", name=request.node.name.replace("_", "-"))
    return item, credentials_of(alice, item), tmp_path / "cache"


def view_of(server, credentials, snapshot, cache):
    return Restic(server, credentials | {"repositoryUrl": credentials["repositoryUrl"].rstrip("/") + f"@{snapshot}/"},
                  cache)


def change_password(restic, tmp_path):
    (tmp_path / "new").write_text(NEW)
    restic.run("key", "passwd", "--new-password-file", tmp_path / "new")
    restic.env["RESTIC_PASSWORD"] = NEW


def test_a_recovery_point_is_restored_after_everything_was_destroyed(server, alice, protected, files, tmp_path):
    item, credentials, cache = protected
    restic = Restic(server, credentials, cache)
    restic.run("init")
    restic.run("backup", files)
    [first] = restic.snapshots()
    first_tree = tree(files)
    (files / "letter.txt").write_text("Dear backup, I have changed my mind.")
    (files / "more").write_bytes(os.urandom(200_000))
    restic.run("backup", files)
    [second] = restic.snapshots() - {first}
    second_tree = tree(files)

    change_password(restic, tmp_path)
    for snapshot in first, second:
        restic.run("forget", snapshot)
    restic.run("prune", "--max-unused", "0")
    for kind in "data", "index", "keys", "snapshots":
        for name in restic.http.get(f"{restic.base}{kind}/").json():
            assert restic.http.delete(f"{restic.base}{kind}/{name}").status_code == 200
        assert restic.post(kind, os.urandom(300)).status_code == 200
    with refused():
        restic.snapshots()

    assert len(alice.all(f"{item}/recoveryPoints")) == 3, "the garbage made one, too"
    for number, (snapshot, content) in enumerate([(first, first_tree), (second, second_tree)]):
        view = view_of(server, credentials, snapshot, tmp_path / f"fresh{number}")
        assert view.snapshots() == ({first, second} if number else {first})
        view.run("restore", snapshot, "--target", tmp_path / f"out{number}")
        assert tree(tmp_path / f"out{number}" / files.relative_to("/")) == content
        view.run("check", "--read-data")
        view.run("check", "--read-data", "--no-lock")
        assert view.http.get(f"{view.base}locks/").json() == []

        view.env["RESTIC_PASSWORD"] = NEW
        with refused(match="wrong password"):
            view.snapshots()


def test_a_view_says_why_it_takes_no_backup(server, protected, files, tmp_path):
    _, credentials, cache = protected
    restic = Restic(server, credentials, cache)
    restic.run("init")
    restic.run("backup", files)
    [snapshot] = restic.snapshots()
    view = view_of(server, credentials, snapshot[:8], tmp_path / "fresh")
    assert view.snapshots() == {snapshot}
    (files / "letter.txt").write_text("Dear backup, I have changed my mind.")
    with refused():
        view.run("backup", files)
    with refused():
        view.run("forget", snapshot)
    answer = view.post("data", b"anything")
    assert answer.status_code == 403 and "view of a recovery point" in answer.text
    assert view.snapshots() == {snapshot} == restic.snapshots()
