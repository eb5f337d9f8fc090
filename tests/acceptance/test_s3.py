"""Repositories in a bucket of an S3 service, and buckets that will not do."""

import os
import random
import re
import sqlite3
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest
import requests
from botocore.exceptions import ClientError

from clients import Arm
from cluster import Cluster
from restic import Restic, credentials_of
from s3 import Proxy, Service, signature, storage
from scene import backup_ground, make_group, make_item, make_policy, make_vault
from server import Server, binary, free_ports, until
from test_restic import files, restored, tree  # noqa: F401
from world import ALICE, VAULT_SUB


@pytest.fixture(scope="module")
def service():
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def proxy(service):
    running = Proxy(service)
    yield running
    running.stop()


@pytest.fixture
def started(tmp_path):
    """Starts a server on a bucket, and ends it."""
    servers = []

    def start(endpoint, bucket, **settings):
        home = tmp_path / f"server{len(servers)}"
        servers.append(Server(home, options=["--config", storage(home, endpoint, bucket, **settings)]))
        return servers[-1].start()

    yield start
    for server in servers:
        if server.process and server.process.poll() is None:
            server.stop()


def client_of(server, tmp_path):
    alice = Arm(server, ALICE)
    _, item = backup_ground(alice, "s3")
    return alice, item, Restic(server, credentials_of(alice, item), tmp_path / "cache")


def refusal(home, config, *options):
    """What a server says that does not start."""
    ports = [f"127.0.0.1:{port}" for port in free_ports(2)]
    done = subprocess.run([binary(), "serve", "--data", home / "data", "--listen", ports[0], "--graph-listen", ports[1],
                           "--config", config, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "ready" not in done.stdout, done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("lock", [None, ("GOVERNANCE", 5)], ids=["plain", "locked"])
def test_restic_for_a_whole_life(service, started, files, tmp_path, lock):
    bucket = service.bucket(lock)
    server = started(service.endpoint, bucket, prefix="vaults/")
    _, _, restic = client_of(server, tmp_path)
    restic.run("init")
    restic.run("backup", files)
    (files / "more").write_bytes(os.urandom(40_000_000))
    restic.run("backup", files)
    restic.run("check", "--read-data")
    assert restored(restic, files, tmp_path / "first") == tree(files)
    restic.run("forget", "latest", "--prune")
    restic.run("check", "--read-data")
    restic.run("backup", files)
    assert restored(restic, files, tmp_path / "second") == tree(files)
    restic.run("check", "--read-data")
    # The bytes are there and nowhere else, each under its hash.
    keys = [key for key in service.keys(bucket, "vaults/") if "/data/" in key]
    assert keys and not [path for path in (server.data / "uploads").iterdir()]
    for key in keys:
        content = service.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        assert sha256(content).hexdigest() == key.rsplit("/", 1)[1].split(".")[0]


def test_answers_are_those_of_a_folder(service, started, tmp_path):
    server = started(service.endpoint, service.bucket())
    _, _, restic = client_of(server, tmp_path)
    content = os.urandom(300_000)
    name = sha256(content).hexdigest()
    url = f"{restic.base}data/{name}"
    assert restic.post("data", content).status_code == 200
    assert restic.post("data", content).status_code == 200
    assert restic.post("data", b"other", name).status_code == 403
    assert restic.post("data", b"", sha256(b"").hexdigest()).status_code == 200
    assert restic.http.get(f"{restic.base}data/{sha256(b'').hexdigest()}").content == b""
    assert restic.http.head(url).headers["Content-Length"] == "300000"
    assert restic.http.get(url).content == content
    for asked, first, end in (("0-", 0, 300_000), ("5-9", 5, 10), ("299999-", 299_999, 300_000),
                              ("100-400000", 100, 300_000)):
        answer = restic.http.get(url, headers={"Range": f"bytes={asked}"})
        assert answer.status_code == 206 and answer.content == content[first:end]
        assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/300000"
        assert answer.headers["Content-Length"] == str(end - first)
    assert restic.http.get(url, headers={"Range": "bytes=300000-"}).status_code == 416
    assert restic.http.delete(url).status_code == restic.http.delete(url).status_code == 200
    assert restic.http.get(url).status_code == 404
    assert restic.post("data", content).status_code == 200
    assert restic.http.get(url).content == content


def test_every_request_is_signed(service, proxy, started, tmp_path):
    server = started(proxy.endpoint, service.bucket(("GOVERNANCE", 5)), prefix="some_where/deep")
    _, _, restic = client_of(server, tmp_path)
    content = os.urandom(1000)
    assert restic.post("data", content).status_code == 200
    for headers in ({}, {"Range": "bytes=1-5"}):
        answer = restic.http.get(f"{restic.base}data/{sha256(content).hexdigest()}", headers=headers)
        assert answer.status_code in (200, 206)
    assert {method for method, _, _ in proxy.seen} == {"GET", "PUT", "DELETE"}
    for request in proxy.seen:
        expected, found = signature(*request)
        assert expected == found, request


def test_memory_does_not_grow_with_objects(service, started, tmp_path):
    server = started(service.endpoint, service.bucket())
    _, _, restic = client_of(server, tmp_path)

    def peak():
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024

    before, content = peak(), os.urandom(150_000_000)
    assert restic.post("data", content).status_code == 200
    assert restic.http.get(f"{restic.base}data/{sha256(content).hexdigest()}").content == content
    assert peak() < before + 30


def test_damage_is_refused_and_healed_by_sending_again(service, started, tmp_path):
    bucket = service.bucket()
    server = started(service.endpoint, bucket)
    _, _, restic = client_of(server, tmp_path)
    for number, damage in enumerate(("shorter", "gone")):
        content = os.urandom(1000)
        name = sha256(content).hexdigest()
        assert restic.post("data", content).status_code == 200
        [key] = [key for key in service.keys(bucket) if name in key]
        if damage == "gone":
            service.client.delete_object(Bucket=bucket, Key=key)
        else:
            service.client.put_object(Bucket=bucket, Key=key, Body=content[:-1])
        for headers in ({}, {"Range": "bytes=0-10"}):
            answer = restic.http.get(f"{restic.base}data/{name}", headers=headers)
            assert answer.status_code == 500 and content[:5] not in answer.content
        assert restic.http.head(f"{restic.base}data/{name}").status_code == 500
        assert restic.post("data", content).status_code == 200
        assert restic.http.get(f"{restic.base}data/{name}").content == content


def test_a_service_that_does_not_answer_is_waited_for(service, proxy, started, files, tmp_path):
    server = started(proxy.endpoint, service.bucket())
    _, _, restic = client_of(server, tmp_path)
    restic.run("init")
    restic.run("backup", files)
    name = restic.http.get(f"{restic.base}data/").json()[0]
    pack = restic.http.get(f"{restic.base}data/{name}").content
    with proxy.refusing():
        for answer in (restic.http.get(f"{restic.base}data/{name}"), restic.post("data", b"bytes"),
                       restic.http.head(f"{restic.base}data/{name}"), restic.post("data", pack)):
            assert answer.status_code == 503, answer.text
    # restic comes back by itself, which the server does, too, a few times.
    (files / "more").write_bytes(os.urandom(100_000))
    proxy.refuse_uploads = 10
    restic.run("backup", files)
    assert proxy.refuse_uploads == 0
    assert restored(restic, files, tmp_path / "back") == tree(files)


@pytest.mark.parametrize("lock", [None, ("GOVERNANCE", 5)], ids=["plain", "locked"])
def test_a_lost_answer_costs_nothing(service, proxy, started, tmp_path, lock):
    bucket = service.bucket(lock)
    server = started(proxy.endpoint, bucket)
    _, _, restic = client_of(server, tmp_path)
    proxy.lose = 2
    content = os.urandom(50_000)
    assert restic.post("data", content).status_code == 200
    assert proxy.lose == 0
    assert restic.http.get(f"{restic.base}data/{sha256(content).hexdigest()}").content == content
    assert len([key for key in service.keys(bucket) if "/data/" in key]) == 1


def test_what_was_acknowledged_survives_kills_in_the_middle_of_uploads(service, proxy, started, tmp_path):
    server = started(proxy.endpoint, service.bucket())
    _, _, restic = client_of(server, tmp_path)
    kept = []
    for turn in range(3):
        content = os.urandom(2_000_000)
        assert restic.post("data", content).status_code == 200
        kept.append(content)
        proxy.waiting = 0
        proxy.pass_on.clear()
        lost = os.urandom(3_000_000)
        upload = threading.Thread(target=lambda: pytest.raises(requests.RequestException, restic.post, "data", lost))
        upload.start()
        until("the upload to arrive", lambda: proxy.waiting)
        server.kill()
        upload.join()
        proxy.pass_on.set()
        server.start()
        assert not list((server.data / "uploads").iterdir())
        names = restic.http.get(f"{restic.base}data/").json()
        assert sorted(names) == sorted(sha256(each).hexdigest() for each in kept)
        # What arrived in the bucket without its row is in nobody's way.
        assert restic.post("data", lost).status_code == 200
        kept.append(lost)
    for content in kept:
        assert restic.http.get(f"{restic.base}data/{sha256(content).hexdigest()}").content == content
    server.verify_ledger()


def test_who_has_the_keys_of_a_locked_bucket_cannot_destroy_what_it_holds(service, started, files, tmp_path):
    bucket = service.bucket(("COMPLIANCE", 10))
    server = started(service.endpoint, bucket)
    _, _, restic = client_of(server, tmp_path)
    restic.run("init")
    restic.run("backup", files)
    for page in service.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for each in page["Versions"]:
            until_ = service.client.head_object(
                Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])["ObjectLockRetainUntilDate"]
            assert until_ > datetime.now(timezone.utc) + timedelta(days=9)
            with pytest.raises(ClientError, match="AccessDenied"):
                service.client.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    for key in service.keys(bucket):  # markers and other bytes on top of everything
        if key != ".id":
            service.client.delete_object(Bucket=bucket, Key=key)
            service.client.put_object(Bucket=bucket, Key=key, Body=b"gotcha")
    assert restored(restic, files, tmp_path / "back") == tree(files)
    restic.run("check", "--read-data")


@pytest.mark.parametrize("sweep", [True, False])
def test_the_daily_walk_renews_locks_and_removes_what_nothing_refers_to(service, started, tmp_path, sweep):
    bucket = service.bucket(("GOVERNANCE", 6))
    server = started(service.endpoint, bucket, prefix="vaults", sweep=sweep)
    _, _, restic = client_of(server, tmp_path)
    contents = {name: name.encode() * 100 for name in ("new", "older", "deleted")}
    for content in contents.values():
        assert restic.post("data", content).status_code == 200
    assert restic.http.delete(f"{restic.base}data/{sha256(contents['deleted']).hexdigest()}").status_code == 200
    server.stop()
    key = {name: next(key for key in service.keys(bucket) if sha256(content).hexdigest() in key)
           for name, content in contents.items()}
    # Uploads whose server died before their row was committed; and what somebody else put there.
    for name in ("orphan", "young orphan", "locked orphan"):
        key[name] = key["new"].rsplit(".", 1)[0] + f".{name.replace(' ', '-')}"
        service.client.put_object(Bucket=bucket, Key=key[name], Body=b"orphan")
    service.client.delete_object(Bucket=bucket, Key=key["older"])  # a marker on what is needed
    service.client.put_object(Bucket=bucket, Key="vaults/notes.txt", Body=b"notes")
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    for name, days in {"older": 4, "deleted": 4, "orphan": 8, "locked orphan": 8}.items():
        for version in service.versions(bucket, key[name]):
            version.last_modified = now - timedelta(days=days)
    day_ago = (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for version in service.versions(bucket, key["orphan"]):
        version.lock_until = day_ago
    soon = (now + timedelta(hours=47)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name in ("older", "deleted"):
        service.versions(bucket, key[name])[0].lock_until = soon
    untouched = service.versions(bucket, key["new"])[0].lock_until
    with sqlite3.connect(server.data / "countersign.db") as database:  # it is time again
        assert database.execute("DELETE FROM documents WHERE kind = 'tending'").rowcount == 1
    before = server.log(full=True).count("looked through")
    server.start()
    until("the walk", lambda: server.log(full=True).count("looked through") > before)
    found = re.findall(r"(\w+): (\d+)", server.log(full=True).rsplit("looked through", 1)[1].splitlines()[0])
    assert {name: int(count) for name, count in found} == {
        "referred_to": 4, "locked": 2, "removed": int(sweep), "left": 6 - sweep, "foreign": 1, "failed": 0}
    assert bool(service.versions(bucket, key["orphan"])) is not sweep
    assert service.versions(bucket, key["locked orphan"]) and service.versions(bucket, key["young orphan"])
    for name in ("older", "deleted"):  # a deleted object is kept for who may need it: it stays locked, too
        assert service.versions(bucket, key[name])[0].lock_until > soon
    assert service.versions(bucket, key["new"])[0].lock_until == untouched
    for name in ("new", "older"):
        url = f"{restic.base}data/{sha256(contents[name]).hexdigest()}"
        assert restic.http.get(url).content == contents[name]


def test_of_two_uploads_of_the_same_bytes_one_is_kept(service, proxy, started, tmp_path):
    bucket = service.bucket()
    server = started(proxy.endpoint, bucket)
    _, _, restic = client_of(server, tmp_path)
    content, answers = os.urandom(10_000), []
    proxy.pass_on.clear()
    proxy.waiting = 0
    threads = [threading.Thread(target=lambda: answers.append(restic.post("data", content))) for _ in range(2)]
    for each in threads:
        each.start()
    until("both to arrive", lambda: proxy.waiting == 2)
    proxy.pass_on.set()
    for each in threads:
        each.join(60)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len([key for key in service.keys(bucket) if "/data/" in key]) == 1
    assert restic.http.get(f"{restic.base}data/{sha256(content).hexdigest()}").content == content


def test_servers_that_share_a_bucket_store_the_same_bytes_at_once(service, tmp_path):
    bucket = service.bucket()
    with Cluster(tmp_path, 2, storage(tmp_path, service.endpoint, bucket)) as cluster:
        alice = Arm(cluster.servers[0], ALICE)
        _, item = backup_ground(alice, "shared-bucket")
        first, second = [Restic(server, credentials_of(alice, item), tmp_path / "cache") for server in cluster.servers]
        second.http.auth = first.http.auth
        contents, errors = [os.urandom(2000 + n) for n in range(8)], []

        def play(restic, seed):
            rng = random.Random(seed)
            try:
                for content in rng.choices(contents, k=40):
                    assert restic.post("data", content).status_code == 200
                    if rng.random() < 0.5:
                        url = f"{restic.base}data/{sha256(content).hexdigest()}"
                        assert restic.http.delete(url).status_code == 200
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=play, args=(restic, seed))
                   for seed, restic in enumerate((first, second, first, second))]
        for each in threads:
            each.start()
        for each in threads:
            each.join(120)
        assert not errors, errors[0]
        for content in contents:
            assert first.post("data", content).status_code == 200
            for restic in (first, second):
                assert restic.http.get(f"{restic.base}data/{sha256(content).hexdigest()}").content == content
        cluster.stop()


@pytest.mark.parametrize("lock", [None, ("GOVERNANCE", 5)], ids=["plain", "locked"])
def test_a_repository_that_is_given_up_goes_when_nothing_locks_it(service, started, tmp_path, lock):
    bucket = service.bucket(lock)
    server = started(service.endpoint, bucket)
    alice = Arm(server, ALICE)
    make_group(alice, VAULT_SUB, "given-up")
    vault = make_vault(alice, "given-up", "given-up", soft_delete="Disabled")
    item = make_item(alice, vault, make_policy(alice, vault))
    restic = Restic(server, credentials_of(alice, item), tmp_path / "cache")
    for number in range(3):
        assert restic.post("data", f"bytes {number}".encode()).status_code == 200
    repository = restic.base.rstrip("/").rsplit("/", 1)[1]
    keys = service.keys(bucket, f"{repository}/")
    assert len(keys) == 3
    alice.rest("DELETE", item)
    if lock:
        server.stop()  # what was under way has ended
        assert [service.versions(bucket, key) for key in keys if not service.versions(bucket, key)] == []
        for key in keys:
            for version in service.versions(bucket, key):
                version.lock_until = "2020-01-01T00:00:00Z"
        server.start()
    until("nothing of it is left", lambda: not any(service.versions(bucket, key) for key in keys))
    assert service.keys(bucket) == [".id"] or lock


def test_a_bucket_that_ignores_conditions_is_refused(service, proxy, tmp_path):
    proxy.drop_condition = True
    said = refusal(tmp_path, storage(tmp_path, proxy.endpoint, service.bucket()))
    assert "ignores the condition `If-None-Match: *`" in said


def test_what_makes_no_sense_is_said_at_start(service, tmp_path):
    said = refusal(tmp_path, storage(tmp_path, service.endpoint, "no-such-bucket"))
    assert "`no-such-bucket`" in said and "exist" in said
    said = refusal(tmp_path, storage(tmp_path, service.endpoint, service.bucket(), lock="compliance"))
    assert "has no Object Lock" in said
    [port] = free_ports(1)
    said = refusal(tmp_path, storage(tmp_path, f"http://127.0.0.1:{port}", "bucket"))
    assert "does not answer" in said and "Signature" not in said
    said = refusal(tmp_path, storage(tmp_path, "http://s3.example", "bucket"))
    assert "plain text" in said and "line 1" in said


def test_another_storage_under_a_database_is_refused(service, started, tmp_path):
    bucket = service.bucket()
    server = started(service.endpoint, bucket)
    server.stop()
    for config, options in ((storage(tmp_path / "other", service.endpoint, service.bucket()), []),
                            (storage(tmp_path / "below", service.endpoint, bucket, prefix="below"), [])):
        assert "is not what holds the repositories" in refusal(server.home, config, *options)
    folder = tmp_path / "folder.toml"
    folder.write_text("[storage]\nkind = \"folder\"\n")
    assert "is not what holds the repositories" in refusal(server.home, folder)
    both = refusal(server.home, server.options[1], "--repositories", tmp_path / "folder")
    assert "not in both" in both
    server.start()
