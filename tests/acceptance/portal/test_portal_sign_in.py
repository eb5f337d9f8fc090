"""Signing in to the portal and out of it."""

from urllib.parse import urlsplit

import pytest

from browser import Authenticator
from clients import Arm
from ground import employ, running
from scene import assign, make_eligible, make_group, make_guard, require_a_second_factor, require_approval_by
from visitor import Visitor
from world import ALICE, GUARD_SUB, READER, SAM


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sign-in")) as (server, _):
        yield server


@pytest.fixture
def visitor(browser, server):
    visitor = Visitor(browser, server)
    yield visitor
    visitor.close()
    visitor.nothing_is_wrong()


def name_of(page):
    return page.locator("header").inner_text()


def session_of(visitor):
    return next((each for each in visitor.context.cookies() if each["name"] == "__Host-countersign"), None)


def test_a_password_opens_the_page_that_was_wanted(visitor):
    page = visitor.open("/portal/?x=1")
    page.get_by_label("User name").fill(ALICE.upn)
    page.get_by_label("Password").fill("a guess")
    with visitor.told(400):
        visitor.press("Sign in")
    assert page.get_by_label("User name").input_value() == ALICE.upn
    page.get_by_label("Password").fill(ALICE.password)
    assert visitor.press("Sign in").url == f"{visitor.server.origin}/portal/?x=1"
    assert ALICE.upn in name_of(page)


def test_nobody_is_sent_away(visitor):
    visitor.sign_in(ALICE, at="/portal/sign-in?back=https%3A%2F%2Fevil.example%2F")
    assert urlsplit(visitor.page.url).path == "/portal/" and visitor.page.url.startswith(visitor.server.origin)


def test_the_session_is_the_browsers_alone_and_ends_with_signing_out(browser, visitor):
    visitor.sign_in(ALICE)
    cookie = session_of(visitor)
    assert cookie["httpOnly"] and cookie["secure"]
    assert cookie["sameSite"] in ("Lax", "Strict") and cookie["path"] == "/"
    kept = visitor.state()
    visitor.page.locator("summary", has_text="Account").click()
    assert visitor.press("Sign out").get_by_label("Password").is_visible() and not session_of(visitor)
    visitor.page.go_back()
    assert ALICE.upn not in visitor.text()

    # Whoever copied the cookie has nothing.
    thief = Visitor(browser, visitor.server, kept)
    thief.open("/portal/")
    assert thief.page.get_by_label("Password").is_visible()
    thief.close()


def test_an_authenticators_code_is_asked_for_once_it_is_set_up(browser, server, visitor, tmp_path):
    tess, authenticator = employ(server, SAM, "Tess Twofactor"), Authenticator(tmp_path / "authenticator")
    visitor.sign_in(tess, at="/account/security")
    visitor.press("Set up an authenticator")
    enrol(visitor, authenticator)
    assert "authenticator" in visitor.text()

    other = Visitor(browser, server).sign_in(tess, authenticator)
    assert tess.upn in name_of(other.page)
    other.nothing_is_wrong()
    other.close()


def enrol(visitor, authenticator):
    """Sets an authenticator up on the page that offers it."""
    page = visitor.page
    assert page.get_by_role("img", name="The secret as a QR code").is_visible()
    authenticator.scan(page.locator("a[href^='otpauth:']").get_attribute("href"))
    page.get_by_label("Code", exact=True).fill(authenticator.code())
    visitor.press("Turn it on")
    visitor.press("I have kept them. Continue")


def test_a_role_that_asks_for_more_leads_to_another_sign_in_and_back(server, visitor, tmp_path):
    sam, stella = Arm(server, SAM), employ(server, SAM, "Stella Stepup")
    make_group(sam, GUARD_SUB, "step-up")
    guard = make_guard(sam, "step-up", "strict-guard")
    assign(sam, guard, GUARD_SUB, READER, stella.oid)
    make_eligible(sam, guard, stella.oid)
    require_approval_by(sam, guard, SAM.oid)
    require_a_second_factor(sam, guard)

    page = visitor.sign_in(stella, at="/portal/privileged").page
    with page.expect_navigation():
        page.get_by_role("link", name="Activate Backup MUA Operator on strict-guard").click()
    page.get_by_label("Reason").fill("The old host's <disk> is gone & nobody else is awake.")
    page.get_by_label("For how long").select_option("120")
    with visitor.told(400):
        visitor.press("Request activation")
    with page.expect_navigation():
        page.get_by_role("link", name="Sign in again with your second factor").click()
    assert page.get_by_label("User name").input_value() == stella.upn
    page.get_by_label("Password").fill(stella.password)
    visitor.press("Sign in")
    enrol(visitor, Authenticator(tmp_path / "authenticator"))

    # Back where she was, with what she had typed.
    assert page.get_by_label("Reason").input_value() == "The old host's <disk> is gone & nobody else is awake."
    assert page.get_by_label("For how long").input_value() == "120"
    visitor.press("Request activation")
    assert page.get_by_role("status").filter(has_text="waits for approval").count()


def test_a_guest_turns_to_the_other_directory(visitor):
    visitor.sign_in(ALICE)
    page = visitor.page
    assert "Contoso" in name_of(page)
    page.locator("summary", has_text="Directory").click()
    assert "Fabrikam Security" in name_of(visitor.press("Fabrikam Security"))
    assert "Contoso" not in page.locator("header summary").first.inner_text()


def form_elsewhere(address, fields):
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    return f'<!doctype html><form method="post" action="{address}">{inputs}<button>Win a prize</button></form>'


def test_a_form_on_another_site_does_nothing(visitor):
    """Even if it knew the secret of the session's forms."""
    visitor.sign_in(ALICE)
    csrf = visitor.page.locator("input[name=csrf]").first.get_attribute("value")
    elsewhere = visitor.server.origin.replace("localhost", "127.0.0.1")
    visitor.context.route(f"{elsewhere}/prize", lambda route: route.fulfill(
        content_type="text/html", body=form_elsewhere(f"{visitor.server.origin}/portal/sign-out", {"csrf": csrf})))
    visitor.open(f"{elsewhere}/prize")
    visitor.press("Win a prize")
    assert visitor.page.url.startswith(visitor.server.origin)
    visitor.troubles.clear()  # however it was refused
    visitor.open("/portal/")
    assert ALICE.upn in name_of(visitor.page)


def test_a_form_without_its_secret_does_nothing(visitor):
    visitor.sign_in(ALICE)
    for changed in "'0'.repeat(64)", "''":
        visitor.page.locator("summary", has_text="Account").click()
        visitor.page.evaluate(f"document.querySelectorAll('input[name=csrf]').forEach(each => each.value = {changed})")
        with visitor.told(403):
            visitor.press("Sign out")
        visitor.open("/portal/")
        assert ALICE.upn in name_of(visitor.page)
