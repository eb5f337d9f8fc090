"""Debian's restic, pointed at one repository of the server; and the repository's protocol, spoken by hand."""

import json
import os
import subprocess
from hashlib import sha256
from urllib.parse import quote

from clients import Refused


class Restic:
    def __init__(self, server, credentials, cache):
        self.user, self.secret = credentials["userName"], credentials["secret"]
        self.base = credentials["repositoryUrl"].rstrip("/") + "/"
        address = self.base.replace("https://", f"https://{quote(self.user, '')}:{quote(self.secret, '')}@")
        self.command = ["restic", "--cacert", str(server.ca), "--cache-dir", str(cache), "--repo", f"rest:{address}"]
        self.env = os.environ | {"RESTIC_PASSWORD": "only the clients know this"}
        self.http = server.http()
        self.http.auth = (self.user, self.secret)

    def run(self, *words):
        done = subprocess.run([*self.command, *map(str, words)], env=self.env, capture_output=True, text=True,
                              timeout=120)
        if done.returncode:
            raise Refused(f"restic {words}", f"exit code {done.returncode}", done.stderr)
        return done.stdout

    def snapshots(self):
        return {each["id"] for each in json.loads(self.run("snapshots", "--json")) or []}

    def post(self, kind, content, name=None):
        name = name or sha256(content).hexdigest()
        return self.http.post(f"{self.base}{kind}/{name}", data=content)


def credentials_of(person, item, **asked):
    return person.rest("POST", f"{item}/repositoryCredentials", asked)
