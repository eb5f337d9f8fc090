"""Two people, two windows side by side: what the one may not do alone, and how the other agrees, or does not.

Alice keeps the backups at Contoso. The guard that watches over them is Sam's, at Fabrikam, where Alice is a guest; Olga is
on call there and approves."""

from types import SimpleNamespace

import pytest

import looks
from clients import Arm
from ground import GUEST, WHOM_TO_ASK, employ, running
from restic import Restic, credentials_of
from scene import assign, backup_ground, make_eligible, make_group, make_guard, put_under_guard, require_approval_by
from visitor import Visitor
from world import ALICE, FABSEC, GUARD_SUB, READER, REGION, SAM, guard_id, proxy_id

WHY = "Ticket 42: the old host is gone."


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A server with Olga in it."""
    with running(tmp_path_factory.mktemp("stories")) as (server, time):
        yield SimpleNamespace(server=server, time=time, olga=employ(server, SAM, "Olga Onduty"))


@pytest.fixture
def sit_down(browser, office):
    """Gives a person a window and signs them in. In none of the windows goes anything wrong."""
    opened = []

    def sit_down(person, **options):
        opened.append(Visitor(browser, office.server, **options).sign_in(person))
        return opened[-1]

    yield sit_down
    for each in opened:
        each.close()
    for each in opened:
        each.nothing_is_wrong()


@pytest.fixture
def scene(office, request, tmp_path):
    """A vault of Alice's with a backed up item, under a guard of Sam's; Alice may ask for consent, and Olga may give it."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    alice, sam = Arm(office.server, ALICE, also=[FABSEC]), Arm(office.server, SAM)
    vault, item = backup_ground(alice, name, host="srv01", name="home")
    restic = Restic(office.server, credentials_of(alice, item), tmp_path / "cache")
    restic.run("init")
    restic.run("backup", __file__)
    make_group(sam, GUARD_SUB, name)
    guard = make_guard(sam, name, f"{name}-guard", description=WHOM_TO_ASK)
    for each in GUEST, office.olga.oid:
        assign(sam, guard, GUARD_SUB, READER, each)
    require_approval_by(sam, guard, office.olga.oid)
    make_eligible(sam, guard, GUEST)
    put_under_guard(alice, vault, guard)
    return SimpleNamespace(alice=alice, sam=sam, vault=vault, item=item, guard=guard, guard_name=f"{name}-guard")


def ask(alice, guard, why=WHY, minutes=None):
    """Alice asks for the role at the page of it."""
    page = alice.open("/portal/privileged")
    with page.expect_navigation():
        page.get_by_role("link", name=f"Activate Backup MUA Operator on {guard.rsplit('/')[-1]}").click()
    page.get_by_label("Reason").fill(why)
    page.get_by_label("Ticket number").fill("42")
    if minutes:
        page.get_by_label("For how long").select_option(minutes)
    alice.press("Request activation")
    assert page.get_by_role("status").filter(has_text="waits for approval").count()


def decide(olga, scene, decision, why="I have seen the ticket."):
    """Olga finds the request, sees what she has to know of it, and decides."""
    page = olga.open("/portal/privileged/approvals")
    waiting = page.get_by_role("listitem").filter(has_text=scene.guard_name)
    with page.expect_navigation():
        waiting.get_by_role("link", name="Look at it").click()
    told = olga.text()
    assert not [each for each in (WHY, "Alice Backup", "Contoso", scene.guard_name, scene.vault) if each not in told], told
    page.get_by_label("Why you decide so").fill(why)
    olga.press(decision, exact=True)
    assert page.get_by_role("status").count()


def roles(visitor, what):
    """The part of a person's roles under a heading."""
    return visitor.page.get_by_role("region", name=what)


def test_a_role_is_asked_for_approved_used_up_and_given_back(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    ask(alice, scene.guard)
    page = alice.open("/portal/privileged")
    assert scene.guard_name in roles(alice, "Waits for approval").inner_text()
    decide(olga, scene, "Approve")

    # Alice's page shows it by itself, with a clock.
    active = roles(alice, "Active").get_by_role("listitem").filter(has_text=scene.guard_name)
    active.wait_for()
    assert "Ends in" in " ".join(active.inner_text().split())
    active.get_by_role("button").click()
    page.get_by_role("status").filter(has_text="not active any more").wait_for()
    assert scene.guard_name not in roles(alice, "Active").inner_text()


def test_a_denial_is_told(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    ask(alice, scene.guard)
    decide(olga, scene, "Deny", "Nobody told me of this.")
    page = alice.open("/portal/privileged/requests")
    assert "Denied" in page.get_by_role("row").filter(has_text=scene.guard_name).inner_text()
    ask(alice, scene.guard)


def test_nobody_decides_on_a_request_of_their_own(sit_down, scene, office):
    alice, bystander = sit_down(ALICE), sit_down(SAM)
    ask(alice, scene.guard)
    [request] = scene.sam.all(f"{scene.guard}/providers/Microsoft.Authorization/roleAssignmentScheduleRequests")
    approval = request["properties"]["approvalId"].rsplit("/")[-1]
    for visitor in alice, bystander:
        visitor.open(f"/portal/approvals/{approval}")
        assert not visitor.page.get_by_role("button", name="Approve").count()
        visitor.troubles.clear()  # it may be refused altogether


def test_an_activation_ends_by_itself(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    ask(alice, scene.guard, minutes="30")
    decide(olga, scene, "Approve")
    alice.open("/portal/privileged")
    assert scene.guard_name in roles(alice, "Active").inner_text()
    office.time.passes(minutes=31)
    alice.page.reload()
    assert scene.guard_name not in roles(alice, "Active").inner_text()


# A critical operation ------------------------------------------------------------------------------------------------

def stop_backups(alice, item):
    """Alice tries to stop the backups of an item, in the portal."""
    page = alice.open(f"/portal/items/settings{item}")
    page.locator("summary", has_text="Stop backups").click()
    return alice.press("Stop the backups of home")


def ask_there(alice, why=WHY, minutes="60"):
    """On the page that explains, Alice asks for consent."""
    alice.page.get_by_label("Reason").fill(why)
    alice.page.get_by_label("For how many minutes").fill(minutes)
    page = alice.press("Request activation")
    assert page.get_by_role("button", name="Take the request back").is_visible()


def says(visitor, *words):
    told = visitor.text()
    missing = [each for each in words if each not in told]
    assert not missing, f"nothing of {missing} in:\n{told}"


def was_done(visitor, words):
    assert visitor.page.get_by_role("status").filter(has_text=words).count(), visitor.text()


def state(scene):
    return scene.alice.rest("GET", scene.item)["properties"]["protectionState"]


def test_stopping_backups_takes_somebody_else(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    page = stop_backups(alice, scene.item)
    says(alice, scene.guard_name, WHOM_TO_ASK, "Fabrikam Security", "Nothing has happened yet")
    assert state(scene) == "Protected"
    looks.stands_up(alice, "attempt")
    ask_there(alice)
    looks.stands_up(alice, "attempt-waiting")
    decide(olga, scene, "Approve")

    # Alice's page goes on by itself.
    go_on = page.get_by_role("button", name="Continue: stop the backups of home")
    go_on.wait_for()
    looks.stands_up(alice, "attempt-consent")
    assert state(scene) == "Protected"
    assert "/portal/items/settings/" in alice.press("Continue: stop the backups of home").url
    was_done(alice, "Backups are stopped")
    assert state(scene) == "ProtectionStopped"


def test_deleting_takes_somebody_else_and_can_be_undone(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    page = alice.open(f"/portal/items/settings{scene.item}")
    page.locator("summary", has_text="Delete").click()
    page.get_by_label("to confirm").fill("hone")
    with alice.told(400):
        alice.press("Delete home")
    assert page.get_by_label("to confirm").input_value() == "hone"
    page.get_by_label("to confirm").fill("home")
    alice.press("Delete home")
    ask_there(alice)
    decide(olga, scene, "Approve")
    page.get_by_role("button", name="Continue").wait_for()
    alice.press("Continue")
    alice.open(f"/portal/items/list{scene.vault}")
    alice.press("Undelete home")
    assert state(scene) == "ProtectionStopped"


def test_a_denied_request_ends_nothing(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    page = stop_backups(alice, scene.item)
    ask_there(alice)
    decide(olga, scene, "Deny", "Nobody told me of this.")
    page.get_by_role("button", name="Request activation").wait_for()
    assert not page.get_by_role("button", name="Continue").count()
    alice.press("Give up and change nothing")
    assert state(scene) == "Protected"


def test_consent_that_is_over_is_none(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    page = stop_backups(alice, scene.item)
    ask_there(alice, minutes="5")
    decide(olga, scene, "Approve")
    page.get_by_role("button", name="Continue").wait_for()
    office.time.passes(minutes=6)
    with alice.told(403):
        alice.press("Continue")
    assert page.get_by_role("button", name="Request activation").is_visible()
    assert state(scene) == "Protected"


def test_a_weaker_policy_shows_what_it_loses(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    page = alice.open(f"/portal/vaults/policy{scene.vault}/backupPolicies/files")
    page.get_by_label("Kept for").first.fill("45")
    alice.press("Show what would change")
    says(alice, "30 days", "45 days", "Nothing becomes weaker by this")
    alice.press("Save", exact=True)

    page = alice.open(f"/portal/vaults/policy{scene.vault}/backupPolicies/files")
    page.get_by_label("Kept for").first.fill("7")
    alice.press("Show what would change")
    says(alice, "45 days", "7 days", "shortens how long backups are kept", scene.guard_name, WHOM_TO_ASK)
    looks.stands_up(alice, "policy-difference")
    alice.press("Continue to ask for consent")
    ask_there(alice)
    decide(olga, scene, "Approve")
    page.get_by_role("button", name="Continue").wait_for()
    alice.press("Continue")
    assert "7" == page.get_by_label("Kept for").first.input_value()


def test_a_guard_is_made_linked_and_not_taken_off_alone(sit_down, office):
    name = "watchful"
    alice, sam = Arm(office.server, ALICE), sit_down(SAM)
    vault, _ = backup_ground(alice, name)
    page = sam.open("/portal/guards/new")
    page.get_by_label("or a new one of this name").fill(name)
    page.get_by_label("Region").select_option(REGION)
    page.get_by_label("Name", exact=True).fill("watchful-guard")
    page.get_by_label("Whom to ask").fill(WHOM_TO_ASK)
    sam.press("Create the guard")
    says(sam, "watchful-guard", WHOM_TO_ASK)
    guard = guard_id(name, "watchful-guard")

    # Sam lets Alice see it, and no more.
    page = sam.open(f"/portal/access/add{guard}")
    page.get_by_label("Find a person").fill("Alice")
    sam.press("Find")
    page.get_by_label("Alice Backup").check()
    page.get_by_label("Role", exact=True).select_option(label="Reader")
    page.get_by_label("Active").check()
    sam.press("Give the role")
    says(sam, "Alice Backup", "Reader")

    # Alice puts her vault under it, and cannot take it back.
    alices = sit_down(ALICE)
    page = alices.open(f"/portal/vaults/properties{vault}")
    page.get_by_label("Resource Guard", exact=True).select_option(label="watchful-guard (Fabrikam Security)")
    alices.press("Link the guard")
    assert not alices.page.get_by_role("alert").count(), alices.page.get_by_role("alert").all_inner_texts()
    page = alices.open(f"/portal/vaults/properties{vault}")
    page.locator("summary", has_text="Switch it off").click()
    alices.press("Switch multi-user authorization off")
    says(alices, WHOM_TO_ASK, "multi-user authorization would be removed")
    looks.stands_up(alices, "weakening")
    alices.press("Continue to ask for consent")
    says(alices, WHOM_TO_ASK, "There is no role that you could activate")
    assert alice.rest("GET", proxy_id(vault))["properties"]["resourceGuardResourceId"].endswith("watchful-guard")


def test_a_host_is_set_up_with_what_a_page_shows_once(sit_down, office, scene, tmp_path):
    alice = sit_down(ALICE)
    page = alice.open(f"/portal/items/new{scene.vault}")
    page.get_by_label("Name", exact=True).fill("mail")
    page.get_by_label("files").check()
    alice.press("Protect it")
    alice.press("Make a credential")
    looks.stands_up(alice, "credential")
    shown = page.get_by_role("region", name="Copy this now")
    user, secret = (shown.get_by_role("definition").nth(at).locator("code").inner_text() for at in (0, 1))
    address = page.get_by_role("complementary", name="Address").locator("code").inner_text()
    restic = Restic(office.server, {"userName": user, "secret": secret, "repositoryUrl": address.removeprefix("rest:")}, tmp_path / "mail")
    restic.run("init")
    restic.run("backup", __file__)

    # It is shown once, and the backup is there.
    page.get_by_role("link", name="How to back up").click()
    page.get_by_role("cell", name=user).or_(page.get_by_role("rowheader", name=user)).wait_for()
    assert secret not in page.content()
    with page.expect_navigation():
        page.get_by_role("link", name="Overview").click()
    says(alice, "1, of ")
