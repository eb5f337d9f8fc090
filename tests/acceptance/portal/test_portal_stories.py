"""Two people, two windows side by side: what the one may not do alone, and how the other agrees, or does not.

Alice keeps the backups at Contoso. The guard that watches over them is Sam's, at Fabrikam, where Alice is a guest; Olga is
on call there and approves."""

from types import SimpleNamespace

import pytest

from clients import Arm
from ground import GUEST, WHOM_TO_ASK, employ, running
from restic import Restic, credentials_of
from scene import assign, backup_ground, make_eligible, make_group, make_guard, put_under_guard, require_approval_by
from visitor import Visitor
from world import ALICE, FABSEC, GUARD_SUB, READER, SAM

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


def ask(alice, guard, why=WHY):
    """Alice asks for the role at the page of it."""
    page = alice.open("/portal/privileged")
    with page.expect_navigation():
        page.get_by_role("link", name=f"Activate Backup MUA Operator on {guard.rsplit('/')[-1]}").click()
    page.get_by_label("Reason").fill(why)
    page.get_by_label("Ticket number").fill("42")
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


def test_an_activation_ends_by_itself(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    ask(alice, scene.guard)
    decide(olga, scene, "Approve")
    alice.open("/portal/privileged")
    assert scene.guard_name in roles(alice, "Active").inner_text()
    office.time.passes(hours=2)
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


def is_protected(scene):
    return scene.alice.rest("GET", scene.item)["properties"]["protectionState"]


def test_stopping_backups_takes_somebody_else(sit_down, office, scene):
    alice, olga = sit_down(ALICE), sit_down(office.olga)
    page = stop_backups(alice, scene.item)

    # It explains itself.
    told = alice.text()
    assert all(each in told for each in (scene.guard_name, WHOM_TO_ASK, "Fabrikam Security", "Nothing has happened yet"))
    assert is_protected(scene) == "Protected"
    ask_there(alice)
    decide(olga, scene, "Approve")

    # Alice's page goes on by itself.
    go_on = page.get_by_role("button", name="Continue: stop the backups of home")
    go_on.wait_for()
    alice.press("Continue: stop the backups of home")
    assert page.get_by_role("status").filter(has_text="Backups are stopped").is_visible()
    assert is_protected(scene) == "ProtectionStopped"
    assert "/portal/items/settings/" in page.url
