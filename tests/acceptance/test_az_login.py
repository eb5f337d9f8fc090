"""Every way in which the real az CLI signs in."""

import re

import pytest

from browser import Browser
from clients import refused
from scene import assign, make_group
from server import AZ_CLIENT_ID, Server
from world import ALICE, AUTOMATION, BOB, CONTOSO, CONTRIBUTOR, FABSEC, GUARD_SUB, READER, SAM, VAULT_SUB


@pytest.fixture(scope="module", autouse=True)
def alice_is_a_reader_at_fabrikam(sam):
    """A directory shows its subscriptions only to those who have a role in them."""
    group = make_group(sam, GUARD_SUB, "login-guests")
    assign(sam, group, GUARD_SUB, READER, ALICE.oids[FABSEC])


def subscriptions(person):
    return {(each["id"], each["tenantId"]) for each in person.az("account list --all")}


def test_a_cloud_is_registered_from_one_address(server, terminal):
    endpoints = terminal().az("cloud show")["endpoints"]
    assert endpoints["resourceManager"].rstrip("/") == server.origin
    assert endpoints["activeDirectory"].rstrip("/") == server.origin
    assert endpoints["activeDirectoryResourceId"].rstrip("/") == server.origin
    assert endpoints["microsoftGraphResourceId"].rstrip("/") == server.graph


def test_an_application_signs_in_with_its_secret(alice, terminal):
    group = make_group(alice, VAULT_SUB, "login-automation")
    assign(alice, group, VAULT_SUB, CONTRIBUTOR, AUTOMATION.oids[CONTOSO], "ServicePrincipal")
    robot = terminal()
    login = f"login --service-principal -u {AUTOMATION.app_id} --tenant {CONTOSO} -p "
    with refused("AADSTS7000215"):
        robot.az(login + "wrong")
    assert [each["user"]["type"] for each in robot.az(login + AUTOMATION.secret)] == ["servicePrincipal"]
    assert robot.az("group show -n login-automation")["name"] == "login-automation"


def test_a_browser_login_ends_with_the_subscriptions_of_both_directories(terminal):
    alice = terminal(ALICE).sign_in()
    assert subscriptions(alice) == {(VAULT_SUB, CONTOSO), (GUARD_SUB, FABSEC)}
    tokens = [alice.az(f"account get-access-token --tenant {tenant}") for tenant in (CONTOSO, FABSEC)]
    assert [token["tenant"] for token in tokens] == [CONTOSO, FABSEC]
    assert alice.az("ad signed-in-user show")["id"] == ALICE.oid


def test_a_device_code_is_confirmed_on_another_screen(server, terminal):
    sam = terminal(SAM)
    login = sam.start("login --use-device-code")
    told = ""
    while "enter the code" not in told:
        assert (line := login.stderr.readline()), f"az ended without showing a code:\n{told}"
        told += line
    page, code = re.search(r"https://\S+", told)[0], re.search(r"enter the code (\S+)", told)[1]
    assert page.rstrip("/.").endswith("/device")
    Browser(str(server.ca), SAM.upn, SAM.password).go(page, user_code=code)
    assert [each["user"]["name"] for each in sam.finish(login)] == [SAM.upn]


def test_a_password_login_asks_for_the_realm_first(server, terminal):
    if not server.userrealm:
        pytest.skip("MSAL asks https://localhost/common/userrealm on port 443, which cannot be bound here")
    alice = terminal()
    alice.az("login", "-u", ALICE.upn, "-p", ALICE.password)
    assert subscriptions(alice) == {(VAULT_SUB, CONTOSO), (GUARD_SUB, FABSEC)}
    assert alice.az("login", "--tenant", FABSEC, "-u", ALICE.upn, "-p", ALICE.password)[0]["tenantId"] == FABSEC
    with refused("AADSTS50126"):
        alice.az("login", "-u", ALICE.upn, "-p", "wrong")


def test_a_wrong_password_and_an_unknown_name_look_alike(server):
    """Nobody learns from a refusal who exists: not at the token endpoint, and not on the page."""

    def without_noise(text, upn):
        return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\d\S*( [\d:.]+Z?)?", "_",
                      text.replace(upn, "NAME"))

    def said_by_token_endpoint(upn):
        answer = server.grant(CONTOSO, grant_type="password", username=upn, password="wrong password")
        assert answer.status_code == 400
        error = answer.json()
        return error["error"], error["error_codes"], without_noise(error["error_description"], upn)

    def said_by_page(upn):
        url = (f"{server.origin}/{CONTOSO}/oauth2/v2.0/authorize?client_id={AZ_CLIENT_ID}&response_type=code"
               f"&redirect_uri=http://localhost:1&response_mode=form_post&scope={server.origin}/.default"
               f"&code_challenge={'x' * 43}&code_challenge_method=S256&state=s")
        return without_noise(Browser(str(server.ca), upn, "wrong password").go(url), upn)

    for said in (said_by_token_endpoint, said_by_page):
        assert said(BOB.upn) == said("nobody@contoso.example")
    assert said_by_token_endpoint(BOB.upn)[:2] == ("invalid_grant", [50126])


def test_guessing_passwords_is_slowed_down(tmp_path):
    server = Server(tmp_path / "guessed").start()

    def slowed_down():
        answer = server.grant(CONTOSO, grant_type="password", username=BOB.upn, password="a guess")
        return answer.status_code == 429 or 50053 in answer.json()["error_codes"]

    assert any(slowed_down() for _ in range(100)), "a hundred wrong passwords were each answered at once"
    assert server.sign_in(SAM), "somebody else's sign-in must not suffer for it"
    server.stop()


def test_az_without_a_login_is_told_to_sign_in(terminal):
    nobody = terminal()
    with pytest.raises(AssertionError, match="az login"):
        nobody.az("group list")
