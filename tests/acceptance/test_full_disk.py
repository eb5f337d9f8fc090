"""The disk below the repositories is full: uploads end with 507, all else goes on, and so do they when there is room."""

import os
import resource
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
import requests

from clients import Arm
from restic import Restic, credentials_of
from scene import backup_ground
from server import Server, binary
from test_restic import files, restored, tree  # noqa: F401
from world import ALICE

MEGABYTE = 1 << 20
ROOM = 24 * MEGABYTE  # of the small disk
LEFT = 2 * MEGABYTE  # of it, when it is nearly full
MOST = 6 * MEGABYTE  # of a file, where files are limited
LARGE = 8 * MEGABYTE  # an object for which there is room neither way

MOUNT = 'mount -t tmpfs -o size=$0,mode=700 tmpfs "$1" && shift && exec "$@"'


class SmallDisk:
    """A file system of a few megabytes that only the server's own process and its children see."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        command = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(ROOM), str(folder)]
        try:
            tried = subprocess.run([*command, "true"], capture_output=True, text=True)
        except FileNotFoundError as missing:
            pytest.skip(f"a file system cannot be mounted here: {missing}")
        if tried.returncode:
            pytest.skip(f"a file system cannot be mounted here: {tried.stderr}")
        self.server = served(folder, monkeypatch, "exec " + " ".join(f"'{word}'" for word in command))
        # What the server's process sees below that path.
        self.seen = Path(f"/proc/{self.server.process.pid}/root{folder}")

    def fill(self):
        disk = os.statvfs(self.seen)
        assert disk.f_blocks * disk.f_frsize == ROOM
        (self.seen / "ballast").write_bytes(bytes(disk.f_bavail * disk.f_frsize - LEFT))

    def make_room(self):
        (self.seen / "ballast").unlink()


class SmallFiles:
    """A limit on the size of the files that the server writes, which is taken away again."""

    def __init__(self, folder, monkeypatch):
        # Without this a process that meets its limit is ended.
        self.server = served(folder, monkeypatch, "trap '' XFSZ; exec")
        self.seen = folder

    def limit(self, most):
        _, hard = resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.server.process.pid, resource.RLIMIT_FSIZE, (most, hard))

    def fill(self):
        self.limit(MOST)

    def make_room(self):
        self.limit(resource.RLIM_INFINITY)


def served(folder, monkeypatch, before):
    """A server whose repositories are there, started behind a command."""
    wrapper, program = folder.parent / "wrapper", binary()
    wrapper.write_text(f"#!/bin/sh\n{before} '{program}' \"$@\"\n")
    wrapper.chmod(0o700)
    monkeypatch.setenv("COUNTERSIGN_BIN", str(wrapper))
    server = Server(folder.parent / "server", options=["--repositories", folder]).start()
    monkeypatch.setenv("COUNTERSIGN_BIN", program)
    return server


@pytest.fixture(params=[SmallDisk, SmallFiles])
def disk(request, tmp_path, monkeypatch):
    folder = tmp_path / "repositories"
    folder.mkdir()
    disk = request.param(folder, monkeypatch)
    yield disk
    disk.server.stop()


def stored(disk):
    """The files that there are, by their path."""
    return {path.relative_to(disk.seen): path.stat().st_size for path in disk.seen.rglob("*")
            if path.is_file() and path.name != "ballast" and "locks" not in path.parts}


def test_a_full_disk_is_507_and_nothing_is_half_stored(disk, files, tmp_path):  # noqa: F811
    alice = Arm(disk.server, ALICE)
    _, item = backup_ground(alice, "full")
    restic = Restic(disk.server, credentials_of(alice, item), tmp_path / "cache")
    restic.run("init")
    restic.run("backup", files)
    large = os.urandom(LARGE)
    name = sha256(large).hexdigest()
    before = stored(disk)
    disk.fill()

    # As restic sends it, with its length; and in chunks, where nobody knows how much will come.
    for body in (large, (large[at:at + MEGABYTE] for at in range(0, LARGE, MEGABYTE))):
        answer = restic.http.post(f"{restic.base}data/{name}", data=body)
        assert answer.status_code == 507, answer.text
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text == "the server's disk is full; nothing was stored\n"
    assert restic.http.head(f"{restic.base}data/{name}").status_code == 404
    assert name not in restic.http.get(f"{restic.base}data/").text
    assert stored(disk) == before

    # Reading goes on, what still fits is taken, and the control plane does not mind.
    assert restored(restic, files, tmp_path / "restored") == tree(files)
    assert restic.post("data", b"small").status_code == 200
    assert alice.rest("GET", item)["id"]
    assert requests.get(f"{disk.server.origin}/readyz", verify=disk.server.ca).status_code == 200

    disk.make_room()
    assert restic.post("data", large, name).status_code == 200
    assert restic.http.get(f"{restic.base}data/{name}").content == large
    (files / "more").write_bytes(os.urandom(LARGE))
    restic.run("backup", files)
    restic.run("check", "--read-data")
    assert restored(restic, files, tmp_path / "again") == tree(files)
