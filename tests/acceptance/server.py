"""One `countersign serve` process: started, stopped, killed and started again."""

import os
import random
import signal
import socket
import subprocess
import time
from functools import partial
from pathlib import Path

import requests

from world import BOOTSTRAP

ROOT = Path(__file__).resolve().parents[2]
AZ_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # the az CLI's own, a public client


def binary():
    path = Path(os.environ.get("COUNTERSIGN_BIN", ROOT / "target/debug/countersign")).resolve()
    assert path.is_file(), f"no server at {path}: build it, or say where it is in COUNTERSIGN_BIN"
    return str(path)


def until(what, condition, seconds=30.0):
    """Waits for a condition, asking often, and gives its value; fails when the time is up."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)
    return value


def can_bind(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count):
    """Ports below those that the system gives to clients: one of these could take ours while a server restarts."""
    free = (port for port in random.sample(range(10_000, 32_000), 1000) if can_bind(port))
    return [next(free) for _ in range(count)]


class Dialled(requests.adapters.HTTPAdapter):
    """Connects to one address of several servers that are all called localhost, as a balancer would."""

    def __init__(self, origin, address):
        self.origin, self.there = origin, origin.replace("localhost", address)
        super().__init__()

    def init_poolmanager(self, *args, **more):
        super().init_poolmanager(*args, server_hostname="localhost", assert_hostname="localhost", **more)

    def send(self, request, *args, **more):
        request.headers["Host"] = self.origin.removeprefix("https://")
        request.url = request.url.replace(self.origin, self.there, 1)
        return super().send(request, *args, **more)


class Server:
    def __init__(self, home, userrealm=False, address="127.0.0.1", ports=None, options=(), bootstrap=True, env=None):
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.data, self.ca = home, home / "data", home / "data/tls/ca.pem"
        self.address, self.options, self.bootstrap = address, [str(option) for option in options], bootstrap
        self.port, self.graph_port = ports or free_ports(2)
        self.origin = f"https://localhost:{self.port}"
        self.graph = f"https://localhost:{self.graph_port}"
        self.userrealm, self.env = userrealm, env
        self.process = None

    def start(self):
        bootstrap = self.home / "bootstrap.toml"
        command = [binary(), "serve", "--data", str(self.data), "--listen", f"{self.address}:{self.port}",
                   "--graph-listen", f"{self.address}:{self.graph_port}", *self.options]
        if self.userrealm:
            command += ["--userrealm-listen", "127.0.0.1:443"]
        if self.bootstrap and not bootstrap.exists():  # only an empty data folder may be filled
            bootstrap.write_text(BOOTSTRAP)
            command += ["--bootstrap", str(bootstrap)]
        out = self.home / "stdout"
        with out.open("w") as stdout, (self.home / "stderr").open("a") as stderr:
            self.process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=self.env)
        until("the ready line", lambda: "\n" in out.read_text() or self.process.poll() is not None)
        assert self.process.poll() is None, f"the server did not start:\n{self.log()}"
        assert out.read_text().splitlines()[0] == f"countersign is ready at https://{self.address}:{self.port}"
        return self

    def stop(self):
        """A clean stop: on SIGTERM, in good time, and with nothing in the log that nobody expected."""
        assert self.process.poll() is None, f"the server had died:\n{self.log()}"
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        assert "panicked" not in self.log(full=True), self.log()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def log(self, full=False):
        text = (self.home / "stderr").read_text(errors="replace")
        return text if full else text[-4000:]

    def verify_ledger(self):
        """What an auditor would run."""
        database = [each for at, each in enumerate(self.options) if "--database" in self.options[max(at - 1, 0):at + 1]]
        command = [binary(), "ledger", "verify", "--data", str(self.data), *database]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def http(self):
        session = requests.Session()
        session.trust_env, session.verify = False, str(self.ca)  # else REQUESTS_CA_BUNDLE would win over verify
        session.request = partial(session.request, timeout=60)
        if self.address != "127.0.0.1":
            session.mount(self.origin, Dialled(self.origin, self.address))
        return session

    def grant(self, tenant, scope=None, **form):
        """One call of the token endpoint, as MSAL makes it."""
        form = {"client_id": AZ_CLIENT_ID, "client_info": "1",
                "scope": f"{scope or self.origin}/.default offline_access openid profile", **form}
        return self.http().post(f"{self.origin}/{tenant}/oauth2/v2.0/token", data=form)

    def sign_in(self, person, tenant=None, scope=None):
        """A person's token for one directory: at home with the password, elsewhere through the refresh token."""
        answer = self.grant(person.home, scope, grant_type="password", username=person.upn, password=person.password)
        assert answer.status_code == 200, answer.text
        if tenant not in (None, person.home):
            answer = self.grant(tenant, scope, grant_type="refresh_token", refresh_token=answer.json()["refresh_token"])
            assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]
