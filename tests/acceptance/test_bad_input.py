"""Bad input on every route: an ARM error that says something, never a 5xx, and nothing changed.

Expired tokens are not here: nobody can make time pass for a running server. Where the clock is a value they are tested.
"""

import base64
import http.client
import json
import ssl
from collections import namedtuple
from urllib.parse import quote, urlencode

import pytest

from clients import API, Arm
from routes import GROUP, GUARD, ITEM, NOBODY, PROXY, READS, ROUTES, VAULT, WITH_BODY, props
from scene import (ask_for_consent, assign, backup_ground, make_eligible, make_group, make_guard, put_under_guard,
                   require_approval_by, stage_of)
from server import Server
from world import ALICE, BOB, CONTOSO, FABSEC, GUARD_SUB, READER, REGION, SAM, VAULT_SUB, auth

Answer = namedtuple("Answer", "status headers body")


def timeless(each):
    """Without what only tells the time. What waits for approval says when it would begin and end, if it were agreed now."""
    told = {"lastRefreshedAt"} | ({"startDateTime", "endDateTime"} if each.get("decideBefore") else set())
    return {key: value for key, value in each.items() if key not in told}


class Ground:
    """A server with one of everything, and a way to ask it anything at all, however it is spelled."""

    def __init__(self, server):
        self.server = server
        self.context = ssl.create_default_context(cafile=str(server.ca))
        alice, sam = self.alice, self.sam = Arm(server, ALICE, also=[FABSEC]), Arm(server, SAM)
        backup_ground(alice, "bad")
        make_group(sam, GUARD_SUB, "bad")
        make_guard(sam, "bad", "guard")
        guest = ALICE.oids[FABSEC]
        assign(sam, GUARD, GUARD_SUB, READER, guest)
        put_under_guard(alice, VAULT, GUARD)
        make_eligible(sam, GUARD, guest)
        policy = require_approval_by(sam, GUARD, SAM.oid)["id"]
        request = ask_for_consent(Arm(server, ALICE, tenant=FABSEC), GUARD, guest)
        self.named = {"ROLE POLICY": policy, "STAGE": stage_of(sam, GUARD, request)}
        for person, scope in (alice, GROUP), (sam, GUARD):
            person.rest("PUT", auth(scope, "locks", "keep"), props(level="CanNotDelete"))

    def person(self, path):
        return self.sam if GUARD_SUB in path else self.alice

    def path(self, route):
        return self.named.get(route.path, route.path)

    def ask(self, method, path, body=None, version=API, **headers):
        """One request, sent exactly as it is written here; status 0 means that there was no answer."""
        target = quote(path, safe="/%;=&?.$'()") + (f"?api-version={version}" if version is not None else "")
        headers = {"Authorization": self.person(path).http.headers["Authorization"], **headers}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if data:
            headers["Content-Type"] = "application/json"
        line = http.client.HTTPSConnection("localhost", self.server.port, context=self.context, timeout=30)
        line.putrequest(method, target)
        for name, value in headers.items():
            if value is not None:
                line.putheader(name, value)
        line.putheader("Content-Length", str(len(data)))
        line.endheaders()
        try:
            line.send(data)
        except OSError:
            pass  # it need not read what it does not want; it may have answered all the same
        try:
            answer = line.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, {}, repr(error).encode())
        finally:
            line.close()

    def state(self):
        """Everything that the API shows, except what only tells the time."""
        seen = {}
        for route in READS:
            seen[route.path] = self.person(route.path).rest("GET", route.path)
        for path in auth(GROUP, "roleAssignments"), auth(GROUP, "locks"), self.named["ROLE POLICY"]:
            seen[path] = self.person(path).rest("GET", path)
        http = self.server.http()
        http.headers["Authorization"] = f"Bearer {self.server.sign_in(ALICE, scope=self.server.graph)}"
        for what in "users", "groups":
            seen[what] = http.get(f"{self.server.graph}/v1.0/{what}").json()["value"]
        return json.loads(json.dumps(seen), object_hook=timeless)


@pytest.fixture
def ground(tmp_path):
    server = Server(tmp_path / "server").start()
    yield Ground(server)
    server.stop()
    server.verify_ledger()


@pytest.fixture(autouse=True)
def nothing_changes(ground):
    before = ground.state()
    yield
    after = ground.state()
    for path, was in before.items():
        assert after[path] == was, f"{path} has changed"


def complaint(label, answer, codes=(), status=None, harmless=()):
    """What is wrong with an answer to bad input, or nothing."""
    if answer.status in harmless:
        return None
    if not 400 <= answer.status < 500:
        return f"{label}: answered {answer.status} {answer.body[:200]}"
    try:
        error = json.loads(answer.body)["error"]
        code, said = error["code"], error["message"].strip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{label}: {answer.status} without an ARM error: {answer.body[:200]}"
    if not code or not said or (codes and code not in codes) or (status and answer.status != status):
        return f"{label}: {answer.status} {code}: {said}"
    return None


def none_of(complaints):
    found = [each for each in complaints if each]
    if found:
        pytest.fail(f"{len(found)} complaints:\n" + "\n".join(found[:40]), pytrace=False)


def short(route):
    return f"{route.method} {route.path[-60:]}"


def test_bodies_that_make_no_sense(ground):
    shapes = [b"", b"{", b"[]", b"null", b'"x"', b"5", b"\xff\xfe", b"[" * 100_000, b'{"properties":5}',
              b'{"properties":[]}', b'{"properties":"x"}', b'{"properties":{"a":1e999}}', b'{"location":"\\ud800"}']
    none_of(complaint(f"{short(route)} with {str(body)[:300]}", ground.ask(route.method, ground.path(route), body))
            for route in WITH_BODY for body in [*shapes, *route.wrong])


def test_bodies_that_never_end(ground):
    body = json.dumps({"location": "x" * 8_000_000, "properties": 5}).encode()
    none_of(complaint(f"8 MB to {short(route)}", ground.ask(route.method, ground.path(route), body), harmless=(0,))
            for route in WITH_BODY)


def test_places_that_do_not_exist(ground):
    def elsewhere():
        for route in ROUTES:
            path = ground.path(route)
            for known, unknown in ((VAULT_SUB, NOBODY), (GUARD_SUB, NOBODY), ("/bad/", "/nowhere/"),
                                   ("bad-vault/", "no-vault/"), ("/guard/", "/no-guard/"), ("/data/", "/no-data/")):
                if known in path:
                    yield route, path.replace(known, unknown)
            if route.method == "GET" and path in (VAULT, GUARD, ITEM, GROUP):
                yield route, path + "-not"

    def harmless(route, path):  # nothing to delete is no error; and who may read at a scope may ask for its roles
        return {"DELETE": (204,), "GET": (200,) if "Microsoft.Authorization" in path else ()}.get(route.method, ())

    none_of(complaint(f"{route.method} {path}", ground.ask(route.method, path, route.good), (), None,
                      harmless(route, path)) for route, path in elsewhere())


def test_paths_that_try_something(ground):
    def tricks(path):
        for suffix in ("%00", "%zz", "%", "%ff", "/%2e%2e/%2e%2e", "/../x", "%2f..%2f..", "a" * 5000,
                       "/a" * 300):
            yield path + suffix
        parent, _, name = path.rpartition("/")
        for middle in "/%2e%2e/", "/x/../", "%2f", "/%00/", f"/{'a' * 5000}/":
            yield parent + middle + name

    none_of(complaint(f"{route.method} {path[:300]}", ground.ask(route.method, path, route.good), harmless=(204,))
            for route in ROUTES for path in tricks(ground.path(route)))


def test_slashes_too_many_are_forgiven(ground):
    """az itself sends them: an empty segment means nothing."""
    doubled = GUARD.replace("/resourceGuards", "//resourceGuards")
    assert json.loads(ground.ask("GET", doubled).body) == json.loads(ground.ask("GET", GUARD).body)


def test_api_versions(ground):
    codes = ("MissingApiVersionParameter", "InvalidApiVersionParameter", "NoRegisteredProviderFound")
    none_of(complaint(f"{short(route)} version {version}",
                      ground.ask(route.method, ground.path(route), route.good, version), codes, 400)
            for route in ROUTES for version in (None, "", "banana", "20260101", "2026-01", "2026-01-01-nonsense/.."))


def test_tokens(ground):
    def encoded(what):
        return base64.urlsafe_b64encode(json.dumps(what).encode()).rstrip(b"=").decode()

    def forgeries(path):
        good = ground.person(path).http.headers["Authorization"].removeprefix("Bearer ")
        head, claims, signature = good.split(".")
        decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
        yield from (None, "", "Bearer", "Bearer ", "Bearer garbage", "Bearer a.b.c", f"Basic {good}", good)
        yield f"Bearer {head}.{encoded(decoded | {'exp': decoded['exp'] + 3600})}.{signature}"
        yield f"Bearer {head}.{claims}.{signature[:-8]}AAAAAAAA"
        yield f"Bearer {encoded({'alg': 'none', 'typ': 'JWT'})}.{claims}."
        yield f"Bearer {good}, Bearer {good}"
        yield for_graph[ground.person(path)]

    for_graph = {person: "Bearer " + ground.server.sign_in(who, scope=ground.server.graph)
                 for person, who in ((ground.alice, ALICE), (ground.sam, SAM))}
    none_of(complaint(f"{short(route)} with {str(token)[:60]}", ground.ask(
        route.method, ground.path(route), route.good, Authorization=token), status=401)
        for route in ROUTES for token in forgeries(ground.path(route)))


def test_tokens_of_another_directory(ground):
    home, abroad = (f"Bearer {ground.server.sign_in(ALICE, tenant)}" for tenant in (CONTOSO, FABSEC))

    def complaints():
        for route in ROUTES:
            path = ground.path(route)
            wrong, right = (home, FABSEC) if GUARD_SUB in path else (abroad, CONTOSO)
            answer = ground.ask(route.method, path, route.good, Authorization=wrong)
            yield complaint(short(route), answer, ["InvalidAuthenticationTokenTenant"], 401)
            if right not in str(answer.headers):
                yield f"{short(route)}: does not say which directory to sign in to"

    none_of(complaints())


def test_auxiliary_tokens(ground):
    unlock = {"resourceGuardOperationRequests": [f"{GUARD}/deleteProtectedItemRequests/default"],
              "resourceToBeDeleted": ITEM}
    own = ground.alice.http.headers["Authorization"]
    none_of(complaint(f"auxiliary {str(header)[:60]}", ground.ask(
        "POST", f"{PROXY}/unlockDelete", unlock, **{"x-ms-authorization-auxiliary": header}))
        for header in (None, "", "garbage", "Bearer garbage", own, ", ".join([own] * 9), "Bearer " + "a" * 9000))


def test_whoever_has_no_role_is_told_which_action_is_missing_where(ground):
    bob = "Bearer " + ground.server.sign_in(BOB)

    def complaints():
        for route in ROUTES:
            if VAULT_SUB in route.path and (route.good or route.method in ("GET", "DELETE", "POST")):
                answer = ground.ask(route.method, route.path, route.good, Authorization=bob)
                yield complaint(short(route), answer, ["AuthorizationFailed"], 403)
                said = answer.body.decode()
                if not ("Microsoft." in said and "scope" in said and BOB.oid in said):
                    yield f"{short(route)}: {said}"

    none_of(complaints())


def test_methods_that_do_not_exist(ground):
    none_of(complaint(f"{method} {route.path}", ground.ask(method, ground.path(route), {}))
            for route in READS for method in ("BREW", "TRACE", "LINK"))
    lists = [route.path for route in READS if route.path.endswith("s") and "/default" not in route.path]
    none_of(complaint(f"{method} {path}", ground.ask(method, path, {"location": REGION}))
            for path in lists for method in ("PUT", "PATCH", "DELETE"))


def test_filters_that_do_not_parse(ground):
    """They may be ignored or refused, but they break nothing."""
    queries = ("$filter=", "$filter=nonsense eq", "$filter=principalId eq 'x", "$filter=" + "(" * 3000, "$filter=%00",
               "$skiptoken=garbage", "$top=-1", "$top=x", "$expand=%ff")
    none_of(complaint(f"{route.path}?{query[:40]}", ground.ask(
        "GET", f"{ground.path(route)}?api-version={API}&{query}", version=None), harmless=(200,))
        for route in READS for query in queries)


def test_the_token_endpoint(ground):
    grant = {"client_id": "x", "scope": "y"}
    forms = [b"", b"\xff", b"grant_type=password&grant_type=refresh_token", *(urlencode(form).encode() for form in (
        grant, grant | {"grant_type": "nonsense"}, grant | {"grant_type": "client_credentials", "client_secret": "x"},
        grant | {"grant_type": "refresh_token", "refresh_token": "x"},
        grant | {"grant_type": "authorization_code", "code": "x", "code_verifier": "y", "redirect_uri": "z"},
        grant | {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "x"},
        grant | {"grant_type": "password", "username": "x" * 100_000, "password": "\0"}))]
    http = ground.server.http()
    tenants = "contoso.example", "organizations", "nobody.example", "%00", "..%2f.."
    for tenant, form in [(CONTOSO, form) for form in forms] + [(tenant, forms[3]) for tenant in tenants]:
        answer = http.post(f"{ground.server.origin}/{tenant}/oauth2/v2.0/token", data=form, headers={
            "Content-Type": "application/x-www-form-urlencoded"})
        assert 400 <= answer.status_code < 500, (tenant, form[:80], answer.status_code)
        assert answer.headers["Content-Type"].startswith("application/json") and answer.json()["error"]


def test_graph(ground):
    http = ground.server.http()
    http.headers["Authorization"] = f"Bearer {ground.server.sign_in(ALICE, scope=ground.server.graph)}"
    for method, path, body in (
            ("GET", f"users/{NOBODY}", None), ("GET", "users/nobody@contoso.example", None), ("GET", "users/%00", None),
            ("GET", f"groups/{NOBODY}/members", None), ("GET", "nonsense", None), ("GET", "users?$filter=(((", None),
            ("POST", "users", b"{"), ("POST", "groups", b"[]"), ("POST", "directoryObjects/getByIds", b'{"ids":5}'),
            ("POST", f"groups/{NOBODY}/members/$ref", b'{"@odata.id":5}'), ("BREW", "me", None)):
        answer = http.request(method, f"{ground.server.graph}/v1.0/{path}", data=body, headers={
            "Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, (method, path, answer.status_code)
        assert answer.json()["error"]["code"] and answer.json()["error"]["message"]
    assert http.get(f"{ground.server.graph}/v1.0/me", headers={"Authorization": "Bearer x"}).status_code == 401
