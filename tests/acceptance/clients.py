"""People at work: at a terminal with az, or calling the API directly. Both can `rest`, and both are `refused` alike."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from azure.core.credentials import AccessToken

from server import ROOT, until

API = "2026-01-01"
AZ = ROOT / "target/test-tools/az/bin/az"
BROWSER = Path(__file__).with_name("browser.py")


class Refused(Exception):
    def __init__(self, asked, code, message):
        super().__init__(f"{asked}: {code}: {message}")
        self.code, self.message = code, message


@contextmanager
def refused(*codes, match=""):
    """What happens inside is refused: with one of these codes if any are named, and in words that match."""
    try:
        yield
    except Refused as refusal:
        assert not codes or refusal.code in codes, f"refused with {refusal}, not with {codes}"
        assert len(refusal.message) > 15, f"this does not explain anything: {refusal}"
        assert re.search(match, refusal.message), f"{refusal} says nothing of {match!r}"
    else:
        raise AssertionError(f"this was to be refused with {codes}")


def versioned(path):
    return path if "api-version=" in path else f"{path}{'&' if '?' in path else '?'}api-version={API}"


class Arm:
    """A person who calls the API directly: signed in to one directory, and to others for the auxiliary header."""

    def __init__(self, server, person, tenant=None, also=()):
        self.server, self.http = server, server.http()
        self.http.headers["Authorization"] = f"Bearer {server.sign_in(person, tenant)}"
        if also:
            tokens = [f"Bearer {server.sign_in(person, other)}" for other in also]
            self.http.headers["x-ms-authorization-auxiliary"] = ", ".join(tokens)

    def send(self, method, path, body=None, **more):
        return self.http.request(method, f"{self.server.origin}{versioned(path)}", json=body, **more)

    def rest(self, method, path, body=None):
        answer = self.send(method, path, body)
        if answer.status_code >= 400:
            error = answer.json()["error"]
            raise Refused(f"{method} {path}", error["code"], error["message"])
        if status := answer.headers.get("Azure-AsyncOperation"):
            state = until(f"{method} {path} to finish", lambda: self._finished(status))
            assert state == "succeeded", f"{method} {path} ended as {state}"
        return answer.json() if answer.content else {}

    def _finished(self, url):
        state = self.http.get(url).json()["status"].lower()
        return state != "inprogress" and state

    def all(self, path):
        """A whole list, page after page."""
        page = self.rest("GET", path)
        found = page["value"]
        while page.get("nextLink"):
            page = self.rest("GET", page["nextLink"].removeprefix(self.server.origin))
            found += page["value"]
        return found


class SignedIn:
    """A person as a credential of the SDKs."""

    def __init__(self, server, person, tenant):
        self.token = server.sign_in(person, tenant)

    def get_token(self, *scopes, **_):
        return AccessToken(self.token, int(time.time()) + 3000)


class Az:
    """A person at a terminal: the real az CLI, with a configuration folder of their own."""

    def __init__(self, server, home, person=None, authenticator=None):
        self.server, self.person, self.home = server, person, home
        home.mkdir(parents=True, exist_ok=True)
        self.env = os.environ | {
            "AZURE_CONFIG_DIR": str(home), "AZURE_EXTENSION_DIR": str(home / "extensions"), "HOME": str(home),
            "REQUESTS_CA_BUNDLE": str(server.ca), "PYTHONWARNINGS": "ignore",
            "AZURE_CORE_INSTANCE_DISCOVERY": "false", "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
            "AZURE_CORE_COLLECT_TELEMETRY": "false", "AZURE_CORE_NO_COLOR": "true", "AZURE_CORE_SURVEY_MESSAGE": "no",
            "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no"}
        if person:  # what `az login` starts as a browser is somebody who knows their own name and password
            self.env |= {"BROWSER": f"{sys.executable} {BROWSER} %s &", "COUNTERSIGN_TEST_CA": str(server.ca),
                         "COUNTERSIGN_TEST_UPN": person.upn, "COUNTERSIGN_TEST_PASSWORD": person.password}
        if authenticator:
            self.env["COUNTERSIGN_TEST_AUTHENTICATOR"] = str(authenticator.file)

    def start(self, line, *more):
        return subprocess.Popen([AZ, *shlex.split(line), *more], env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def az(self, line, *more):
        """Runs one command and gives what it printed, read as JSON."""
        return self.finish(self.start(line, *more))

    def finish(self, process, seconds=120):
        try:
            out, err = process.communicate(timeout=seconds)
        finally:
            process.kill()
        if process.returncode:
            code = re.search(r'"code":\s*"(\w+)"|ERROR: \(?(\w+)[):]', err)
            assert code, f"az failed otherwise than by a refusal of the server:\n{err}"
            raise Refused(" ".join(map(str, process.args[1:])), code[1] or code[2], err)
        return json.loads(out) if out.strip() else None

    def rest(self, method, path, body=None):
        return self.az(f"rest --method {method.lower()}", "--url", versioned(path),
                       *(["--body", json.dumps(body)] if body is not None else [])) or {}

    def sign_in(self):
        """The ordinary login, through the browser."""
        self.az("login")
        return self
