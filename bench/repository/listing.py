"""A repository of many objects: what a list of them takes of the server's memory, and when its first byte comes."""

import hashlib
import sqlite3
import time
from urllib.parse import unquote, urlsplit

import requests

from stores import Countersign

PIECE = 1 << 16


def fill(store, repository, count):
    """Writes rows for objects whose bytes nobody will ask for; uploading so many would take hours."""
    database = sqlite3.connect(store.folder / "data/countersign.db")
    now = time.time_ns() // 1000
    with database:
        database.execute("UPDATE repositories SET sequence = ? WHERE repository = ?", (count, repository))
        names = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(count))
        rows = ((repository, name, at, name, 16 << 20, now) for at, name in enumerate(names, 1))
        database.executemany(
            "INSERT INTO objects (repository, type, name, sequence, content, size, created_at, created_by)"
            " VALUES (?, 'data', ?, ?, ?, ?, ?, 'bench')", rows)
    database.close()


def measure(folder, count):
    """Seconds to the first byte and to the last, bytes in all, and the most memory that the server had, in MB."""
    with Countersign(folder) as store:
        address = urlsplit(store.repository.removeprefix("rest:"))
        store.server.stop()
        fill(store, address.path.strip("/").rsplit("/", 1)[1], count)
        store.process = store.server.start().process
        url = f"https://{address.hostname}:{address.port}{address.path.rstrip('/')}/data/"
        begin = time.monotonic()
        answer = requests.get(url, auth=(unquote(address.username), unquote(address.password)), stream=True, timeout=300,
                              verify=str(store.server.ca), headers={"Accept": "application/vnd.x.restic.rest.v2"})
        answer.raise_for_status()
        first, size, names = None, 0, 0
        for piece in answer.iter_content(PIECE):
            first = first or time.monotonic() - begin
            size += len(piece)
            names += piece.count(b'"name"')
        assert names >= count * 0.99, f"{names} of {count} objects are listed"
        return first, time.monotonic() - begin, size, store.memory()
