"""Real restic on a vault under a guard: backups go on, reading back and migrating take consent."""

import json
from types import SimpleNamespace

import pytest

from clients import Refused, refused
from restic import Restic, credentials_of
from scene import assign, backup_ground, make_group, make_guard, make_item, put_under_guard
from world import ALICE, FABSEC, GUARD_SUB, MUA_OPERATOR, READER

GUEST = ALICE.oids[FABSEC]


@pytest.fixture(scope="module")
def ground(alice, sam):
    """A vault under a guard of Sam's, which protects everything."""
    vault, _ = backup_ground(alice, "reading", name="spare")
    make_group(sam, GUARD_SUB, "reading-guard")
    guard = make_guard(sam, "reading-guard", "guard", description="Ask sam@fabsec.example")
    assign(sam, guard, GUARD_SUB, READER, GUEST)
    put_under_guard(alice, vault, guard)
    return SimpleNamespace(vault=vault, guard=guard)


@pytest.fixture
def consent(sam, ground):
    """Sam's consent, for the length of a test."""
    given = assign(sam, ground.guard, GUARD_SUB, MUA_OPERATOR, GUEST)
    yield given
    sam.rest("DELETE", given["id"])


@pytest.fixture
def files(tmp_path):
    source = tmp_path / "source"
    (source / "deep/er").mkdir(parents=True)
    for number in range(30):
        (source / f"letter{number}.txt").write_text(f"Dear backup {number},\n" * 2000)
    (source / "deep/er/secret").write_text("the combination is 1234")
    return source


def make(server, alice, ground, name, tmp_path):
    item = make_item(alice, ground.vault, f"{ground.vault}/backupPolicies/files", name=name)
    return item, Restic(server, credentials_of(alice, item), tmp_path / "cache")


def packs(restic):
    return restic.http.get(f"{restic.base}data/").json()


def with_requests(ground, kind, **properties):
    return properties | {"resourceGuardOperationRequests": [f"{ground.guard}/{kind}/default"]}


def test_backups_go_on_and_reading_back_takes_consent(server, alice, sam, ground, files, tmp_path):
    item, restic = make(server, alice, ground, "reading", tmp_path)
    restic.run("init")
    restic.run("backup", files)
    before = packs(restic)

    # Backups as ever: incremental, with the client's cache; and without it, when the host was set up again.
    (files / "letter1.txt").write_text("Dear backup, I have changed my mind.")
    assert json.loads(restic.run("backup", files, "--json").splitlines()[-1])["files_unmodified"] == 30
    fresh = Restic(server, credentials_of(alice, item), tmp_path / "fresh")
    fresh.run("backup", files, "--force")
    assert len(fresh.snapshots()) == 3
    assert set(packs(restic)) - set(before)
    assert len(alice.all(f"{item}/recoveryPoints")) == 3

    # Nobody reads data.
    for pack in packs(restic):
        answer = restic.http.get(f"{restic.base}data/{pack}")
        assert answer.status_code == 403 and "Ask sam@fabsec.example" in answer.text
        part = restic.http.get(f"{restic.base}data/{pack}", headers={"Range": "bytes=0-1"})
        assert part.status_code == 403
    point = alice.all(f"{item}/recoveryPoints")[0]["id"]
    plain = {"properties": {"objectType": "IaasVMRestoreRequest"}}
    with refused("UserErrorResourceGuardOperationRequestMissing"):
        alice.rest("POST", f"{point}/restore", plain)
    asking = {"properties": with_requests(ground, "triggerRestoreRequests", objectType="IaasVMRestoreRequest")}
    with refused("LinkedAuthorizationFailed", match="sam@fabsec.example"):
        alice.rest("POST", f"{point}/restore", asking)

    # Sam agrees, and it can be restored on any host, as long as Sam's consent lasts.
    given = assign(sam, ground.guard, GUARD_SUB, MUA_OPERATOR, GUEST)
    alice.rest("POST", f"{point}/restore", asking)
    third = Restic(server, credentials_of(alice, item), tmp_path / "third")
    third.run("restore", "latest", "--target", tmp_path / "out")
    restored = tmp_path / "out" / files.relative_to("/")
    assert (restored / "deep/er/secret").read_text() == "the combination is 1234"
    job = next(job for job in alice.all(f"{ground.vault}/backupJobs") if job["properties"]["operation"] == "Restore")
    details = alice.rest("GET", job["id"])["properties"]["extendedInfo"]["propertyBag"]
    assert details["Repository"] == f"{restic.base.rstrip('/')}@{point.rsplit('/', 1)[1]}/"

    # What else reads data goes while the window is open.
    third.run("forget", "--keep-last", 1, "--prune")
    third.run("check", "--read-data")

    # A window is for one item.
    other, second = make(server, alice, ground, "other", tmp_path)
    second.run("init")
    second.run("backup", files)
    assert second.http.get(f"{second.base}data/{packs(second)[0]}").status_code == 403

    # And it ends with the consent.
    assert third.http.get(f"{third.base}data/{packs(third)[0]}").status_code == 200
    sam.rest("DELETE", given["id"])
    assert third.http.get(f"{third.base}data/{packs(third)[0]}").status_code == 403


def test_migrating_a_repository_takes_a_security_pin(server, alice, ground, consent, files, tmp_path):
    item, restic = make(server, alice, ground, "migrating", tmp_path)
    restic.run("init", "--repository-version", 1)
    restic.run("backup", files)
    config = restic.http.get(f"{restic.base}config").content
    assert restic.http.delete(f"{restic.base}config").status_code == 403
    with refused("UserErrorResourceGuardOperationRequestMissing"):
        alice.rest("POST", f"{ground.vault}/backupSecurityPIN")
    # It begins with a check, which reads data.
    point = alice.all(f"{item}/recoveryPoints")[0]["id"]
    asking = with_requests(ground, "triggerRestoreRequests", objectType="IaasVMRestoreRequest")
    alice.rest("POST", f"{point}/restore", {"properties": asking})
    pin = alice.rest("POST", f"{ground.vault}/backupSecurityPIN", with_requests(ground, "getBackupSecurityPINRequests"))
    credentials = credentials_of(alice, item)
    credentials["userName"] += f"+{pin['securityPIN']}"
    with_pin = Restic(server, credentials, tmp_path / "cache")
    assert "success" in with_pin.run("migrate", "upgrade_repo_v2")
    assert restic.http.get(f"{restic.base}config").content != config
    restic.run("backup", files)
    restic.run("check")
    assert len(restic.snapshots()) == 2

    # The PIN is used up.
    assert with_pin.http.delete(f"{restic.base}config").status_code == 403
    with pytest.raises(Refused):
        alice.rest("POST", f"{ground.vault}/backupSecurityPIN", {})
