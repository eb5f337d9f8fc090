"""Where restic can put its repository: a local directory, Countersign, and the peers that are installed below
`target/peers` (`bench/repository/install-peers`). Each is a context that serves one empty repository."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from clients import Arm
from scene import backup_ground
from server import ROOT, Server, free_ports, until
from world import ALICE

BIN = ROOT / "target/peers"
SECRET = "a benchmark's"


class Store:
    """What all have. A server's process is `self.process`."""

    process = None
    options = ()

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.folder = folder

    def __exit__(self, *failure):
        if self.process:
            self.process.terminate()
            self.process.wait(20)

    def log(self):
        log = self.folder / "log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    def processor(self):
        """Seconds of processor time that the server has had."""
        if not self.process:
            return 0.0
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """The most resident memory that the server has had, in MB of a million bytes."""
        if not self.process:
            return 0.0
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


class Folder(Store):
    name = "local directory"

    def __enter__(self):
        self.repository = str(self.folder / "repository")
        return self


class Countersign(Store):
    name = "countersign"

    def __enter__(self):
        os.environ.setdefault("COUNTERSIGN_BIN", str(ROOT / "target/release/countersign"))
        self.server = Server(self.folder).start()
        alice = Arm(self.server, ALICE)
        _, item = backup_ground(alice, "bench")
        credentials = alice.rest("POST", f"{item}/repositoryCredentials", {})
        user, secret = (quote(credentials[each], "") for each in ("userName", "secret"))
        self.repository = "rest:" + credentials["repositoryUrl"].replace("https://", f"https://{user}:{secret}@")
        self.options = ("--cacert", self.server.ca)
        # What setting it up has taken, passwords to hash above all, is not what it takes to serve.
        self.server.stop()
        self.process = self.server.start().process
        return self

    def log(self):
        return self.server.log()


class Peer(Store):
    """A server that shows a self-signed certificate and asks for a password."""

    def __enter__(self):
        self.port = free_ports(1)[0]
        self.key, self.certificate, self.files = (self.folder / name for name in ("key.pem", "cert.pem", "files"))
        self.files.mkdir()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", self.key, "-out", self.certificate, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], **quiet)
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen([str(word) for word in self.command()], stdout=log, stderr=log)
        until(f"{self.name} listens", self.listens)
        self.repository = f"rest:https://bench:{quote(SECRET)}@localhost:{self.port}/bench/"
        self.options = ("--cacert", self.certificate)
        return self

    def listens(self):
        assert self.process.poll() is None, f"{self.name} did not start: {self.log()}"
        listening = f"{int.from_bytes(bytes([1, 0, 0, 127]), 'big'):08X}:{self.port:04X}"
        return listening in Path("/proc/net/tcp").read_text()

    def htpasswd(self):
        file, sha1 = self.folder / "htpasswd", subprocess.run(
            ["openssl", "dgst", "-sha1", "-binary"], input=SECRET.encode(), capture_output=True, check=True).stdout
        encoded = subprocess.run(["openssl", "base64"], input=sha1, capture_output=True, check=True).stdout.decode()
        file.write_text("bench:{SHA}" + encoded)
        return file


class RestServer(Peer):
    name = "rest-server 0.14.0"

    def command(self):
        return [BIN / "usr/bin/restic-rest-server", "--path", self.files, "--listen", f"127.0.0.1:{self.port}", "--tls",
                "--tls-cert", self.certificate, "--tls-key", self.key, "--htpasswd-file", self.htpasswd()]


class Rclone(Peer):
    name = "rclone 1.75.2"

    def command(self):
        return [BIN / "usr/bin/rclone", "serve", "restic", self.files, "--addr", f"127.0.0.1:{self.port}", "--cert",
                self.certificate, "--key", self.key, "--htpasswd", self.htpasswd()]


class RusticServer(Peer):
    name = "rustic_server 0.4.4"

    def command(self):
        program, users = BIN / "bin/rustic-server", self.folder / "htpasswd"
        subprocess.run([program, "auth", "add", "-f", users, "-u", "bench", "-p", SECRET],
                       check=True, stdout=subprocess.DEVNULL)
        rights = self.folder / "acl.toml"
        rights.write_text('[bench]\nbench = "Modify"\n')
        return [program, "serve", "--listen", f"127.0.0.1:{self.port}", "--path", self.files, "--htpasswd-file", users,
                "--acl-path", rights, "--private-repos", "--tls", "--tls-cert", self.certificate, "--tls-key", self.key]


PEERS = [each for each, program in ((RestServer, "usr/bin/restic-rest-server"), (Rclone, "usr/bin/rclone"),
                                    (RusticServer, "bin/rustic-server")) if (BIN / program).is_file()]
