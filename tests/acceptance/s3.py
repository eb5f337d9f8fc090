"""An S3 service on this machine (moto), and a proxy in front of it that misbehaves as it is told."""

import hmac
import http.client
import logging
import threading
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4

import boto3
from botocore.config import Config
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer


class Service:
    """What it holds is gone with it, and can be made older."""

    def __init__(self):
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self.moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.moto.start()
        self.port = self.moto.get_host_and_port()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.client = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="eu-central-1", aws_access_key_id="tester",
            aws_secret_access_key="only a test", config=Config(s3={"addressing_style": "path"}, proxies={}))

    def stop(self):
        self.moto.stop()

    def versions(self, bucket, key):
        """The versions of an object as the service holds them."""
        return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.getlist(key)

    def bucket(self, lock=None):
        """A new bucket; with Object Lock and this default, if one is given."""
        name = f"bucket-{uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=bool(lock),
                                  CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        if lock:
            mode, days = lock
            self.client.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": mode, "Days": days}}})
        return name

    def keys(self, bucket, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]


def signature(method, path, headers, secret="only a test"):
    """What the signature in the address has to be, by AWS's description of its version 4: (it, what it is)."""
    where, _, query = path.partition("?")
    given = dict(pair.split("=", 1) for pair in query.split("&"))
    lower = {name.lower(): value for name, value in headers.items()}
    signed = unquote(given["X-Amz-SignedHeaders"]).split(";")
    # Whatever tells the service what to do has to be signed.
    assert {name for name in lower if name.startswith("x-amz-") or name in ("host", "if-none-match")} <= set(signed)
    encoded = sorted((quote(unquote(name), "-_.~"), quote(unquote(value), "-_.~")) for name, value in given.items()
                     if name != "X-Amz-Signature")
    canonical = "\n".join([method, quote(unquote(where), "/-_.~"), "&".join(f"{name}={value}" for name, value in encoded),
                           *(f"{name}:{lower[name].strip()}" for name in signed), "", ";".join(signed), "UNSIGNED-PAYLOAD"])
    _, day, region, service, end = unquote(given["X-Amz-Credential"]).split("/")
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, end):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", given["X-Amz-Date"], "/".join((day, region, service, end)),
                      sha256(canonical.encode()).hexdigest()])
    return hmac.digest(key, text.encode(), "sha256").hex(), given["X-Amz-Signature"]


class Proxy:
    """Passes requests on. `drop_condition` takes `If-None-Match` away; `refuse` answers 503 to everything, and
    `refuse_uploads` to so many uploads; `lose` passes so many on and hangs up instead of answering; uploads wait for
    `pass_on`, and `waiting` counts them."""

    def __init__(self, service):
        self.drop_condition = self.refuse = False
        self.lose = self.refuse_uploads = self.waiting = 0
        self.seen = []  # (method, path, headers)
        self.pass_on = threading.Event()
        self.pass_on.set()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proxy.seen.append((self.command, self.path, dict(self.headers)))
                refused = self.command == "PUT" and proxy.refuse_uploads > 0
                if proxy.refuse or refused:
                    proxy.refuse_uploads -= refused
                    return self.answer(503, {}, b"<Error><Code>SlowDown</Code><Message>later</Message></Error>")
                if self.command == "PUT":
                    proxy.waiting += 1
                    proxy.pass_on.wait(60)
                headers = dict(self.headers)
                if proxy.drop_condition:
                    headers.pop("if-none-match", None)
                there = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
                there.request(self.command, self.path, body, headers)
                answer = there.getresponse()
                content = answer.read()
                there.close()
                is_upload = self.command == "PUT" and "retention" not in parse_qs(urlsplit(self.path).query)
                if proxy.lose and is_upload:
                    proxy.lose -= 1
                    self.close_connection = True
                    return None
                return self.answer(answer.status, dict(answer.getheaders()), content)

            def answer(self, status, headers, content):
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        self.send_header(name, value)
                length = headers.get("Content-Length") or headers.get("content-length")
                self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @contextmanager
    def refusing(self):
        self.refuse = True
        yield
        self.refuse = False

    def stop(self):
        self.pass_on.set()
        self.server.shutdown()
        self.server.server_close()


def storage(home, endpoint, bucket, **more):
    """A configuration file with `[storage]`."""
    settings = {"kind": "s3", "bucket": bucket, "region": "eu-central-1", "endpoint": endpoint,
                "access_key": "tester", "secret_key": "only a test", **more}
    lines = [f"{key} = {str(value).lower() if isinstance(value, (bool, int)) else repr(value)}"
             for key, value in settings.items()]
    home.mkdir(parents=True, exist_ok=True)
    config = home / "config.toml"
    config.write_text("\n".join(["[storage]", *lines, ""]))
    return config
