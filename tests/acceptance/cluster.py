"""Several `countersign serve` processes on one PostgreSQL database, as behind a balancer."""

import json
import os
import subprocess
from uuid import uuid4

from server import Server, binary, free_ports


def new_database():
    """An empty database on the PostgreSQL server that the tests were started with."""
    first = os.environ.get("COUNTERSIGN_TEST_DATABASE")
    assert first, "these tests need PostgreSQL: run them as `scripts/with-postgres …/pytest tests/acceptance`"
    name = f"acceptance_{uuid4().hex}"
    subprocess.run(["psql", first, "--quiet", "--command", f"CREATE DATABASE {name}"], check=True)
    return f"{first.rsplit('/', 1)[0]}/{name}"


class Cluster:
    """All servers are called localhost and listen on the same port, each on a loopback address of its own."""

    def __init__(self, home, count, config=None):
        """With the configuration file of a bucket, or else with one folder of repositories."""
        self.home, self.database, self.ports = home, new_database(), free_ports(2)
        self.storage = ["--config", config] if config else ["--repositories", home / "repositories"]
        self.servers = [self.server(number) for number in range(count)]

    def server(self, number):
        options = ["--database", self.database, *self.storage]
        return Server(self.home / f"server{number}", address=f"127.0.0.{number + 1}", ports=self.ports,
                      options=options, bootstrap=number == 0)

    def __enter__(self):
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, *_):
        """Nothing is left running when a story ends badly."""
        for server in self.servers:
            if server.process and server.process.poll() is None:
                server.kill()

    def stop(self):
        for server in self.servers:
            server.stop()
        self.servers[0].verify_ledger()

    def ledger(self):
        """All entries, oldest first."""
        command = [binary(), "ledger", "show", "--data", str(self.servers[0].data), "--database", self.database]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]
