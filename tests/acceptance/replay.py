"""Real traffic, replayed: requests that Azure was sent are sent here, and the answers compared in form.

Recordings are third-party data and no part of this project: COUNTERSIGN_RECORDINGS names a folder of them (VCR's YAML, as
the az CLI's own test suites write it).
"""

import json
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import yaml

from world import VAULT_SUB

AZURE = "management.azure.com"
NOBODY = "00000000-0000-0000-0000-000000000000"
# What clients follow. Whether an answer says when to ask again is a matter of how long things take.
HEADERS = ("azure-asyncoperation", "location", "x-ms-error-code")
# Asking how far something is: every server has operations of its own, and ours are asked right away.
POLL = re.compile(r"/(operations?(Status|Results?)(es)?|backupOperation(s|Results)|operations|backupJobs)/", re.I)
# Servers, networks and templates are not what a backup server has.
ELSEWHERE = re.compile(r".*/providers/Microsoft\.(Compute|Network|Resources)/((?!/providers/).)*", re.I)


@dataclass(frozen=True)
class Step:
    method: str
    target: str  # path and query
    body: object
    status: int
    headers: frozenset
    answer: object

    @property
    def name(self):
        """The step without what differs between recordings: below the resource group, without the query."""
        path = unquote(self.target.split("?")[0])
        path = re.sub(r"^/subscriptions/[^/]+(/resourcegroups/[^/]+)?", "", path, flags=re.I)
        return f"{self.method} {path or '/'}"


def parsed(text):
    text = text.decode() if isinstance(text, bytes) else text
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def steps(file, said=()):
    """What of a recording can be replayed, in order, with some words replaced by others."""
    said = [(NOBODY, VAULT_SUB), *said]
    for each in yaml.safe_load(file.read_text())["interactions"]:
        asked, answered = each["request"], each["response"]
        url = urlsplit(asked["uri"])
        if url.netloc != AZURE or POLL.search(url.path) or ELSEWHERE.fullmatch(url.path):
            continue
        body, target = asked.get("body") or "", f"{url.path}?{url.query}"
        body = body.decode() if isinstance(body, bytes) else body
        for theirs, ours in said:
            body, target = body.replace(theirs, ours), target.replace(theirs, ours)
        headers = {name.lower() for name in answered["headers"]} & set(HEADERS)
        yield Step(asked["method"], target, parsed(body), answered["status"]["code"], frozenset(headers),
                   parsed(answered["body"].get("string")))


def kind(value):
    if isinstance(value, bool):
        return "boolean"
    return {dict: "object", list: "list", str: "string", int: "number", float: "number"}.get(type(value), "null")


def paths(value, at=""):
    """Every key path of an answer with the kinds of what is there; the elements of a list are one."""
    found = {at: {kind(value)}} if at else {}
    parts = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        parts = [("[]", each) for each in value]
    for name, part in parts:
        for path, kinds in paths(part, f"{at}.{name}" if at else name).items():
            found.setdefault(path, set()).update(kinds)
    return found


def differences(step, answer):
    """What is missing or other than Azure answered, one line each. What we say in addition is none."""
    found = []
    if answer.status_code != step.status:
        found.append(f"status {step.status}, here {answer.status_code}")
        if answer.status_code >= 400:
            return found
    for name in sorted(step.headers):
        if name not in {each.lower() for each in answer.headers}:
            found.append(f"header {name}")
    ours = paths(parsed(answer.content))
    for path, kinds in sorted(paths(step.answer).items()):
        here = ours.get(path)
        if here is None:
            found.append(f"key {path}")
        # Nothing is an answer to anything.
        elif kinds - {"null"} and here - {"null"} and not here & kinds:
            found.append(f"kind of {path}: {'/'.join(sorted(kinds))}, here {'/'.join(sorted(here))}")
    return found
