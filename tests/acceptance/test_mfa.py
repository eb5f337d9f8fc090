"""A second factor with real clients: a role asks for one, az says how, the SDKs step up by themselves."""

import base64
import json
import re
import threading
import webbrowser
from contextlib import contextmanager
from uuid import uuid4

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import DeviceCodeCredential, InteractiveBrowserCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.v2020_10_01.models import (
    RoleAssignmentScheduleRequest, RoleAssignmentScheduleRequestPropertiesScheduleInfo,
    RoleAssignmentScheduleRequestPropertiesScheduleInfoExpiration)

from browser import Authenticator, Browser, Forms
from clients import Arm, Az, Refused
from scene import ask_for_consent, assign, make_eligible, make_group, make_guard, require_approval_by
from server import Server
from world import ALICE, BOB, FABSEC, GUARD_SUB, MUA_OPERATOR, READER, SAM, auth, role_id

GUEST = ALICE.oids[FABSEC]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server of its own for each story: whoever has a second factor cannot go back."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server/data/tls/ca.pem"))
    running = Server(tmp_path / "server").start()
    yield running
    running.stop()
    running.verify_ledger()


@pytest.fixture
def guard(server):
    """A guard whose operators Alice, a guest, may join, with a second factor and if Sam agrees."""
    sam = Arm(server, SAM)
    make_group(sam, GUARD_SUB, "mfa")
    guard = make_guard(sam, "mfa", "guard")
    assign(sam, guard, GUARD_SUB, READER, GUEST)
    make_eligible(sam, guard, GUEST)
    require_approval_by(sam, guard, SAM.oid)
    demand(sam, guard, {"id": "Enablement_EndUser_Assignment", "ruleType": "RoleManagementPolicyEnablementRule",
                        "enabledRules": ["MultiFactorAuthentication", "Justification"]})
    return guard


def demand(admin, guard, rule):
    role = role_id(GUARD_SUB, MUA_OPERATOR)
    found = admin.rest("GET", auth(guard, "roleManagementPolicyAssignments") + f"?$filter=roleDefinitionId eq '{role}'")
    admin.rest("PATCH", found["value"][0]["properties"]["policyId"], {"properties": {"rules": [rule]}})


@pytest.fixture
def authenticator(tmp_path):
    return Authenticator(tmp_path / "authenticator.json")


@pytest.fixture
def alice(server, authenticator):
    """Alice in front of a browser."""
    return Browser(str(server.ca), ALICE.upn, ALICE.password, authenticator)


def enrol(server, alice):
    """Alice sets up her authenticator at the page of her account, before she is asked for it."""
    page = alice.session.get(f"{server.origin}/account/security")
    for _ in range(4):  # password, set up, code
        forms = Forms(page.text)
        if forms.secret:
            alice.authenticator.scan(forms.secret)
        if "recovery codes" in " ".join(forms.text):
            return re.findall(r"<li><code>([A-Z2-7-]{19})</code>", page.text)
        page = alice._send(page.url, forms.found[0], None)
    raise AssertionError(page.text)


@contextmanager
def at_the_screen(monkeypatch, alice):
    """What opens a browser opens Alice's, who goes through the pages."""
    told = []

    def open_page(url, *_, **__):
        threading.Thread(target=lambda: told.append(alice.go(url)), daemon=True).start()
        return True

    monkeypatch.setattr(webbrowser, "open", open_page)
    yield told


def activation():
    return RoleAssignmentScheduleRequest(
        principal_id=GUEST, role_definition_id=role_id(GUARD_SUB, MUA_OPERATOR), request_type="SelfActivate",
        justification="ticket 44: the old host is gone",
        schedule_info=RoleAssignmentScheduleRequestPropertiesScheduleInfo(
            expiration=RoleAssignmentScheduleRequestPropertiesScheduleInfoExpiration(
                type="AfterDuration", duration="PT1H")))


def sdk(server, credential):
    """A client that says it can answer challenges: continuous access evaluation."""
    return AuthorizationManagementClient(credential, GUARD_SUB, base_url=server.origin, enable_cae=True,
                                         credential_scopes=[f"{server.origin}/.default"])


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@pytest.fixture
def terminal(server, tmp_path, authenticator):
    """Alice at a terminal, signed in with her password."""
    terminal = Az(server, tmp_path / "az", ALICE, authenticator)
    terminal.az(f"cloud register -n Countersign --endpoint-resource-manager {server.origin}")
    terminal.az("cloud set -n Countersign")
    return terminal.sign_in()


def test_az_is_told_the_command_and_its_login_enrols(guard, terminal, authenticator):
    with pytest.raises(Refused, match="MfaRule") as told:
        ask_for_consent(terminal, guard, GUEST)
    command = re.search(r"az (login --tenant \S+ --scope \S+ --claims-challenge [\w+/=]+)", str(told.value))[1]
    terminal.az("logout")
    terminal.az(command)
    assert authenticator.file.exists(), "the sign-in went on without a second factor"
    assert ask_for_consent(terminal, guard, GUEST)["properties"]["status"] == "PendingApproval"


def test_an_sdk_steps_up_in_the_browser_and_goes_on(server, guard, alice, monkeypatch):
    credential = InteractiveBrowserCredential(tenant_id=FABSEC, authority=server.origin,
                                              disable_instance_discovery=True, timeout=60)
    with at_the_screen(monkeypatch, alice) as told:
        token = credential.get_token(f"{server.origin}/.default", enable_cae=True).token
        assert (claims_of(token)["amr"], claims_of(token)["xms_cc"]) == (["pwd"], ["CP1"])
        asked = sdk(server, credential).role_assignment_schedule_requests.create(guard, str(uuid4()), activation())
    assert asked.status == "PendingApproval"
    assert len(told) == 2, "one sign-in for the first token, one for the challenge"
    token = credential.get_token(f"{server.origin}/.default", enable_cae=True).token
    assert "mfa" in claims_of(token)["amr"] and "p1" in claims_of(token)["acrs"]


def test_an_sdk_with_a_device_code_is_told_where_to_enrol(server, guard, alice):
    def type_code(page, code, _):
        threading.Thread(target=alice.go, args=(page, code), daemon=True).start()

    credential = DeviceCodeCredential(tenant_id=FABSEC, authority=server.origin, disable_instance_discovery=True,
                                      prompt_callback=type_code, timeout=60)
    client = sdk(server, credential).role_assignment_schedule_requests
    with pytest.raises(ClientAuthenticationError, match="AADSTS50079.*/account/security"):
        client.create(guard, str(uuid4()), activation())
    assert len(enrol(server, alice)) == 10
    assert client.create(guard, str(uuid4()), activation()).status == "PendingApproval"


def test_a_client_that_cannot_answer_gets_the_refusal_as_it_is(server, guard):
    class Plain:
        def get_token(self, *_, **__):
            from azure.core.credentials import AccessToken
            return AccessToken(server.sign_in(ALICE, FABSEC), 2**31)

    client = AuthorizationManagementClient(Plain(), GUARD_SUB, base_url=server.origin,
                                           credential_scopes=[f"{server.origin}/.default"])
    with pytest.raises(HttpResponseError, match="MfaRule") as told:
        client.role_assignment_schedule_requests.create(guard, str(uuid4()), activation())
    assert told.value.status_code == 400
    assert 'error="insufficient_claims"' in told.value.response.headers["WWW-Authenticate"]


def test_an_administrator_gives_a_pass_with_az(server, terminal, tmp_path):
    """Where the directory wants more than a password, a stolen password enrols nothing."""
    graph = f"{server.graph}/v1.0"
    terminal.az("rest --method patch --url", f"{graph}/policies/authenticationMethodsPolicy",
                "--body", json.dumps({"secondFactorEnrolment": "temporaryAccessPass"}))
    bob = Browser(str(server.ca), BOB.upn, BOB.password, Authenticator(tmp_path / "bobs.json"))
    bob.access_pass = "AAAA-AAAA-AAAA-AAAA"
    with pytest.raises(AssertionError, match="The pass or the code is not right"):
        enrol(server, bob)
    made = terminal.az("rest --method post --url", f"{graph}/users/{BOB.oid}/authentication/temporaryAccessPassMethods",
                       "--body", json.dumps({"lifetimeInMinutes": 30}))
    bob.access_pass = made["temporaryAccessPass"]
    assert len(enrol(server, bob)) == 10
    methods = terminal.az("rest --url", f"{graph}/users/{BOB.oid}/authentication/methods")["value"]
    assert [each["@odata.type"].rsplit(".")[-1] for each in methods] == [
        "passwordAuthenticationMethod", "softwareOathAuthenticationMethod"]


def test_a_code_counts_once_and_a_recovery_code_stands_in_for_it(server, alice):
    codes = enrol(server, alice)

    def sign_in(otp):
        answer = server.grant(ALICE.home, grant_type="password", username=ALICE.upn, password=ALICE.password, otp=otp)
        return answer.status_code, answer.json().get("error_codes")

    code = alice.authenticator.code()
    assert sign_in(code) == (200, None)
    assert sign_in(code) == (400, [50126])
    assert sign_in(codes[0]) == (200, None)
    assert sign_in(codes[0]) == (400, [50126])
    answer = server.grant(ALICE.home, grant_type="password", username=ALICE.upn, password=ALICE.password)
    assert answer.json()["error_codes"] == [50076]
