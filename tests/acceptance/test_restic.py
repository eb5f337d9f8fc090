"""Real restic on the repository of a protected item."""

import random
from hashlib import sha256

import pytest
import requests

from clients import refused
from restic import Restic, credentials_of
from scene import backup_ground, make_item, undelete

LIST_V2 = "application/vnd.x.restic.rest.v2"


@pytest.fixture(scope="module")
def vault(alice):
    return backup_ground(alice, "restic", name="spare")[0]


@pytest.fixture
def protected(server, alice, vault, tmp_path, request):
    """A fresh item and restic with its credentials: (item, restic)."""
    name = request.node.name.translate(str.maketrans("[]_", "---")).strip("-")
    item = make_item(alice, vault, f"{vault}/backupPolicies/files", name=name)
    return item, Restic(server, credentials_of(alice, item), tmp_path / "cache")


@pytest.fixture
def files(tmp_path):
    """Something worth keeping: text, noise, an empty file, a name that is not ASCII, a deep folder and a link."""
    source, noise = tmp_path / "source", random.Random(1)
    (source / "deep/er").mkdir(parents=True)
    (source / "letter.txt").write_text("Dear backup,\n" * 5000)
    (source / "noise").write_bytes(noise.randbytes(3_000_000))
    (source / "deep/er/Gr\u00fc\u00dfe").write_bytes(noise.randbytes(70_000))
    (source / "empty").touch()
    (source / "link").symlink_to("letter.txt")
    return source


def tree(folder):
    def content(path):
        return path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()

    return {str(path.relative_to(folder)): content(path) for path in folder.rglob("*")}


def restored(restic, source, target):
    restic.run("restore", "latest", "--target", target)
    return tree(target / source.relative_to("/"))


@pytest.mark.parametrize("version", [1, 2])
def test_a_repository_for_its_whole_life(alice, protected, files, tmp_path, version):
    item, restic = protected
    restic.run("init", "--repository-version", version)
    restic.run("backup", files)
    (files / "letter.txt").write_text("Dear backup, I have changed my mind.")
    restic.run("backup", files)
    snapshots = restic.snapshots()
    assert len(snapshots) == 2

    # The control plane lists a recovery point for each, as soon as it is there.
    points = alice.all(f"{item}/recoveryPoints")
    assert len(points) == 2
    for snapshot in snapshots:
        assert any(snapshot[:8] in str(point) for point in points), f"no recovery point tells of {snapshot}"
    assert {point["properties"]["objectType"] for point in points} == {"GenericRecoveryPoint"}
    one = alice.rest("GET", points[0]["id"])
    assert one["properties"]["recoveryPointTime"] == points[0]["properties"]["recoveryPointTime"]

    restic.run("check", "--read-data")
    assert restored(restic, files, tmp_path / "restored") == tree(files)

    restic.run("forget", "--keep-last", 1, "--prune")
    assert len(restic.snapshots()) == 1 and restic.snapshots() < snapshots
    restic.run("unlock", "--remove-all")
    restic.run("check", "--read-data")
    assert restored(restic, files, tmp_path / "again") == tree(files)


def test_only_the_items_own_credentials_open_it(server, alice, vault, protected, tmp_path):
    item, restic = protected
    restic.run("init")
    other = credentials_of(alice, make_item(alice, vault, f"{vault}/backupPolicies/files", name="somebody-else"))
    own = {"userName": restic.user, "secret": restic.secret, "repositoryUrl": restic.base}
    for wrong in (own | {"secret": "guessed"}, own | {"userName": "root"}, other | {"repositoryUrl": restic.base}):
        with refused():
            Restic(server, wrong, tmp_path / "cache").snapshots()
    answer = server.http().get(f"{restic.base}config")
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Basic")
    restic.snapshots()

    # New credentials are shown once, and never by the item itself.
    shown = str(alice.rest("GET", item))
    assert restic.base.rstrip("/") in shown and restic.secret not in shown
    assert credentials_of(alice, item)["secret"] != restic.secret


def test_a_deleted_item_is_closed_and_comes_back_whole(alice, protected, files, tmp_path):
    item, restic = protected
    restic.run("init")
    restic.run("backup", files)
    alice.rest("DELETE", item)
    with refused():
        restic.snapshots()
    assert restic.post("data", b"too late").status_code in (403, 404, 410)

    undelete(alice, item)
    restic.run("check", "--read-data")
    assert restored(restic, files, tmp_path / "restored") == tree(files)
    assert len(alice.all(f"{item}/recoveryPoints")) == 1


def test_the_protocol_where_other_servers_get_it_wrong(protected):
    """The right-hand column of the status matrix in the rules of the repository."""
    _, restic = protected
    http, base = restic.http, restic.base
    content, name = b"some bytes", sha256(b"some bytes").hexdigest()

    def status(method, path, **more):
        return http.request(method, base + path, **more).status_code

    assert status("POST", "?create=true") == 200 == status("POST", "?create=true")
    assert status("HEAD", "config") == 404
    assert http.get(f"{base}data/", headers={"Accept": LIST_V2}).json() == []
    assert restic.post("data", content, name="0" * 64).status_code == 400  # a name that is not the hash
    assert status("GET", "data/" + "0" * 64) == 404
    assert restic.post("data", content).status_code == 200
    assert restic.post("data", content).status_code == 200  # the answer got lost, the client tries again
    assert http.post(f"{base}data/{sha256(b'ab').hexdigest()}", data=iter([b"a", b"b"])).status_code == 200  # chunked
    assert http.head(f"{base}data/{name}").headers["Content-Length"] == str(len(content))
    part = http.get(f"{base}data/{name}", headers={"Range": "bytes=5-6"})
    assert (part.status_code, part.content) == (206, b"by")
    assert http.get(f"{base}data/{name}", headers={"Range": "bytes=5-99"}).content == b"bytes"
    assert status("GET", f"data/{name}", headers={"Range": "bytes=99-"}) == 416
    listed = http.get(f"{base}data/", headers={"Accept": LIST_V2})
    assert listed.headers["Content-Type"] == LIST_V2 and {"name": name, "size": len(content)} in listed.json()
    assert name in http.get(f"{base}data/").json()
    assert status("POST", "config", data=b"the configuration") == 200
    assert status("POST", "config", data=b"another one") == 403
    assert status("DELETE", f"data/{name}") == 200 == status("DELETE", f"data/{name}")  # retries are idempotent
    assert status("GET", f"data/{name}") == 404
    assert restic.post("data", content).status_code == 200  # an object can live again
    assert status("DELETE", "config") == 403
    assert status("DELETE", f"data/{name}") == 403  # whoever tries that finds the item frozen
    for trick in "data/../../config", "data/..%2f..%2fconfig", f"nonsense/{name}", "data/NAME", "data/" + "a" * 5000:
        assert 400 <= raw_status(restic, trick) < 500, trick


def raw_status(restic, path):
    """GET without the tidying that `requests` does to a path."""
    prepared = requests.Request("GET", restic.base, auth=(restic.user, restic.secret)).prepare()
    prepared.url = restic.base + path
    return restic.http.send(prepared, verify=restic.http.verify).status_code
