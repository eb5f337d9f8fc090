"""Where mail and webhooks end up: an SMTP server (aiosmtpd) and a web server, on loopback, which can be told to refuse."""

import asyncio
import base64
import datetime
import email
import email.policy
import hashlib
import hmac
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "countersign", "the password of the tests"


class Postbox:
    """Keeps what it accepts, parsed, in `mails`; answers the next mails with `refusals` instead."""

    def __init__(self, port, refusals=(), tls=None, implicit=None, auth=False):
        self.mails, self.refusals, self.tried = [], list(refusals), []
        self.ponder, self.pondering = threading.Event(), []  # nothing is accepted while `ponder` is not set
        self.ponder.set()
        # Where TLS comes first, aiosmtpd knows of none.
        self.implicit = implicit is not None
        more = dict(auth_required=True, authenticator=self.check, auth_require_tls=not self.implicit) if auth else {}
        self.controller = Controller(self, hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=bool(tls),
                                     ssl_context=implicit, **more)

    def check(self, server, session, envelope, mechanism, data):
        self.tried.append((mechanism, self.implicit or session.ssl is not None))
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.pondering += envelope.rcpt_tos
        while not self.ponder.is_set():
            await asyncio.sleep(0.01)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail.recipients = list(envelope.rcpt_tos)
        self.mails.append(mail)
        return "250 kept"

    def recipients(self):
        return sorted(address for mail in self.mails for address in mail.recipients)

    def __enter__(self):
        self.controller.start()
        return self

    def __exit__(self, *why):
        self.controller.stop()


def parts(mail):
    """The plain text and the HTML of a mail."""
    return [mail.get_body([kind]).get_content() for kind in ("plain", "html")]


class Hook:
    """Keeps what it is sent in `calls`, as (headers, body); answers with these statuses and then with 204."""

    def __init__(self, port, *statuses):
        calls, statuses = [], list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                calls.append((self.headers, self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(statuses.pop(0) if statuses else 204)
                self.end_headers()

            def log_message(self, *more):
                pass

        self.calls, self.server = calls, HTTPServer(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *why):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def signed(headers, body, secret):
    """Whether a call is signed as the Standard Webhooks specification says."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    tag = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256).digest()
    return headers["webhook-signature"] == "v1," + base64.b64encode(tag).decode()


def tls_files(folder, name="localhost"):
    """A certificate authority and a server's certificate: the authority's file, and a context for the server."""
    def certificate(subject, key, issuer, issuer_key, authority):
        now = datetime.datetime.now(datetime.timezone.utc)
        named = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        builder = (x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer))
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True))
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = certificate("Test authority", authority_key, "Test authority", authority_key, True)
    leaf = certificate(name, key, "Test authority", authority_key, False)
    (folder / "authority.pem").write_bytes(authority.public_bytes(pem))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(pem) + key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "leaf.pem")
    return folder / "authority.pem", context
