"""Somebody with a web browser: opens a page, fills in what they know, presses the button, and goes on until no form is
left to send. As a program it is what `az login` starts: `browser.py URL`, told who it is by the environment."""

import base64
import hmac
import json
import os
import re
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

NAME_FIELDS = ("login", "loginfmt", "username", "user", "upn", "email")
PASSWORD_FIELDS = ("password", "passwd")
CODE_FIELDS = ("user_code", "usercode", "code", "otc")
NO = re.compile(r"cancel|deny|decline|sign-?out|log-?out", re.I)


class Authenticator:
    """An authenticator app, in a file: it scans a secret and then shows codes, none of them twice."""

    def __init__(self, file):
        self.file = Path(file)

    def scan(self, uri):
        secret = parse_qs(urlsplit(uri).query)["secret"][0]
        if not self.file.exists() or json.loads(self.file.read_text())["secret"] != secret:
            self.file.write_text(json.dumps({"secret": secret, "step": 0}))

    def code(self):
        """The next code that was not shown before. The server takes it half a minute early, so that nobody waits."""
        known = json.loads(self.file.read_text())
        step = max(int(time.time()) // 30, known["step"] + 1)
        self.file.write_text(json.dumps({**known, "step": step}))
        secret = base64.b32decode(known["secret"] + "=" * (-len(known["secret"]) % 8))
        digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
        at = digest[-1] & 15
        return f"{int.from_bytes(digest[at:at + 4], 'big') % 2**31 % 10**6:06}"


class Forms(HTMLParser):
    """The forms of a page: where each is sent, how, its inputs as (name, type, value), and its named buttons."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text, self.secret = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attr = dict(attrs)
        if tag == "a" and (attr.get("href") or "").startswith("otpauth:"):
            self.secret = attr["href"]
        if tag == "form":
            self.found.append({"action": attr.get("action") or "", "method": (attr.get("method") or "get").lower(),
                               "inputs": [], "buttons": []})
        if not self.found or not attr.get("name"):
            return
        kind, value = (attr.get("type") or "text").lower(), attr.get("value") or ""
        if tag == "button" or kind == "submit":
            self.found[-1]["buttons"].append((attr["name"], value))
        elif tag == "input" and (kind not in ("checkbox", "radio") or "checked" in attr):
            self.found[-1]["inputs"].append((attr["name"], kind, value))

    def handle_data(self, data):
        self.text.append(data.strip())


class Browser:
    def __init__(self, ca, upn, password, authenticator=None):
        self.upn, self.password, self.authenticator = upn, password, authenticator
        self.access_pass = None
        self.session = requests.Session()
        self.session.trust_env, self.session.verify = False, ca

    def go(self, url, user_code=None):
        """Follows the pages from `url` to the last one and gives its text. A password is given only once, so that a
        page which asks for it again is the last."""
        page, gave_password = self.session.get(url), False
        for _ in range(12):
            forms = Forms(page.text)
            if forms.secret and self.authenticator:
                self.authenticator.scan(forms.secret)
            form = next((f for f in forms.found if not NO.search(f["action"])), None)
            asks_password = form and any(kind == "password" for _, kind, _ in form["inputs"])
            if not form or (asks_password and gave_password) or page.status_code >= 500:
                return " ".join(word for word in forms.text if word)
            gave_password |= bool(asks_password)
            page = self._send(page.url, form, user_code)
        raise AssertionError(f"the sign-in pages go round in circles at {page.url}")

    def _send(self, here, form, user_code):
        values = {name: self._value(name.lower(), kind, value, user_code) for name, kind, value in form["inputs"]}
        agree = [button for button in form["buttons"] if not NO.search(" ".join(button))]
        values.update(agree[:1])
        target = urljoin(here, form["action"])
        return self.session.request(form["method"], target, **{"params" if form["method"] == "get" else "data": values})

    def _value(self, name, kind, value, user_code):
        if kind == "hidden":
            return value
        if kind == "password" or name in PASSWORD_FIELDS:
            return self.password
        if name == "pass":
            return self.access_pass
        if name == "code" and self.authenticator:
            return self.authenticator.code()
        if name in NAME_FIELDS or kind == "email":
            return self.upn
        return user_code if name in CODE_FIELDS and user_code else value


if __name__ == "__main__":
    known = [os.environ[f"COUNTERSIGN_TEST_{what}"] for what in ("CA", "UPN", "PASSWORD")]
    own = [Authenticator(file)] if (file := os.environ.get("COUNTERSIGN_TEST_AUTHENTICATOR")) else []
    print(Browser(*known, *own).go(sys.argv[1]), file=sys.stderr)  # standard output is still that of az
