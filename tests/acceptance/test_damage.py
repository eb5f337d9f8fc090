"""Real restic on a repository whose disk lost bits."""

import os
import subprocess

import pytest
import requests

from clients import refused
from restic import Restic, credentials_of
from scene import backup_ground, make_item
from server import binary, until
from test_restic import restored, tree


@pytest.fixture(scope="module")
def vault(alice):
    return backup_ground(alice, "damage", name="spare")[0]


@pytest.fixture
def rotten(server, alice, vault, tmp_path, request):
    """An item that was backed up and whose pack has lost a bit: (restic, files, pack, its bytes before)."""
    item = make_item(alice, vault, f"{vault}/backupPolicies/files", name=request.node.name.replace("_", "-"))
    restic, files = Restic(server, credentials_of(alice, item), tmp_path / "cache"), tmp_path / "files"
    files.mkdir()
    (files / "noise").write_bytes(os.urandom(300_000))
    restic.run("init")
    restic.run("backup", files)
    short = restic.base.rstrip("/").rsplit("/", 1)[1]
    packs = (server.data / "repositories" / short / "data").glob("*/*")
    pack = max(packs, key=lambda path: path.stat().st_size)
    before = pack.read_bytes()
    pack.write_bytes(before[:50] + bytes([before[50] ^ 1]) + before[51:])
    return restic, files, pack, before


def scrub(server, restic):
    short = restic.base.rstrip("/").rsplit("/", 1)[1]
    return subprocess.run([binary(), "scrub", "--data", str(server.data), "--repository", short], capture_output=True,
                          text=True, timeout=60)


def notice(restic, pack):
    """Reads the pack: the last bytes do not come, and the server does not hand it out any more. (restic itself would ask
    again and again: before 0.17 also for what it is told is not there.)"""
    with pytest.raises(requests.RequestException):
        restic.http.get(f"{restic.base}data/{pack.name}")
    until("the pack is known to be damaged", lambda: pack.name not in restic.http.get(f"{restic.base}data/").text)


def test_bit_rot_is_found_never_served_and_healed_by_sending_the_pack_again(server, alice, vault, rotten, tmp_path):
    restic, files, pack, before = rotten
    found = scrub(server, restic)
    assert found.returncode != 0 and f"/data/{pack.name}: the bytes hash to" in found.stdout, found
    notice(restic, pack)
    with refused():  # as missing: restic says so at once
        restic.run("check")
    got = restic.http.get(f"{restic.base}data/{pack.name}", headers={"Range": "bytes=60-70"})
    assert got.status_code == 404 and "is damaged" in got.text
    alerts = alice.rest("GET", f"{vault}/providers/Microsoft.AlertsManagement/alerts")["value"]
    assert any("Backup Data Damaged" in each["name"] and pack.name in str(each) for each in alerts)

    assert restic.post("data", before).status_code == 200
    assert scrub(server, restic).returncode == 0
    restic.run("check", "--read-data")
    assert restored(restic, files, tmp_path / "restored") == tree(files)


def test_restic_mends_what_was_damaged_from_its_source(server, rotten, tmp_path):
    restic, files, pack, _ = rotten
    notice(restic, pack)
    # A damaged pack is as good as missing, and restic knows what to do about that.
    restic.run("rebuild-index")
    restic.run("backup", "--force", files)
    restic.run("check", "--read-data")
    assert restored(restic, files, tmp_path / "restored") == tree(files)
