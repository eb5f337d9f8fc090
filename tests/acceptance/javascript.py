"""The Azure JavaScript SDK for Recovery Services vaults, unmodified: each operation is a node process of its own."""

import json
import os
import subprocess
from types import SimpleNamespace

from clients import Refused
from server import ROOT

SCRIPT = ROOT / "tests/javascript/operation.js"
MODULES = ROOT / "target/test-tools/javascript/node_modules"


class JavaScript:
    """A person with the SDK: signed in to one directory, and to others for the auxiliary header."""

    def __init__(self, server, person, subscription, also=()):
        self.who = {"endpoint": server.origin, "subscription": subscription, "token": server.sign_in(person),
                    "auxiliary": [server.sign_in(person, other) for other in also]}
        self.env = {"PATH": os.environ["PATH"], "NODE_PATH": str(MODULES), "NODE_EXTRA_CA_CERTS": str(server.ca)}

    def run(self, operation, *values, **options):
        """What the SDK gives for `group.method` and the status of each answer; `options` are the method's own."""
        asked = self.who | {"operation": operation, "values": values, "options": options}
        done = subprocess.run(["node", SCRIPT], input=json.dumps(asked), env=self.env, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, f"{operation} failed otherwise than by a refusal of the server:\n{done.stderr}"
        told = json.loads(done.stdout)
        if refusal := told.get("refusal"):
            raise Refused(f"{operation} ({refusal['status']})", refusal["code"], refusal["message"])
        statuses = [each["status"] for each in told["answers"]]
        return SimpleNamespace(result=told.get("result"), statuses=statuses, poll=told["answers"][0].get("poll"))

    def get(self, operation, *values, **options):
        return self.run(operation, *values, **options).result
