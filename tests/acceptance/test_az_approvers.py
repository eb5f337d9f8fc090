"""Sam at a terminal with the real az CLI, when approvers come and go: what would leave nobody to approve is refused with
the reason, a stolen account is stopped all the same, and two accounts of one person are said to be one.
"""

import json

import pytest

from clients import refused
from scene import assign, make_eligible, make_group, make_guard, require_approval_by
from world import ALICE, FABSEC, GUARD_SUB, READER, SAM

GUEST = ALICE.oids[FABSEC]


@pytest.fixture(scope="module")
def at_sams(terminal):
    return terminal(SAM).sign_in()


@pytest.fixture(scope="module")
def guard(at_sams):
    make_group(at_sams, GUARD_SUB, "approvers")
    guard = make_guard(at_sams, "approvers", "guard")
    assign(at_sams, guard, GUARD_SUB, READER, GUEST)
    return guard


def employ(person, name):
    return person.az(f"ad user create --display-name {name} --user-principal-name {name}@fabsec.example "
                     f"--password '{name} may approve here 1'")["id"]


def found(person, guard):
    return [each["kind"] for each in person.rest("GET", f"{guard}/approverFindings")["value"]]


def test_an_approver_does_not_go_missing_unless_it_has_to_be(at_sams, guard):
    az, sue = at_sams.az, employ(at_sams, "sue")
    require_approval_by(at_sams, guard, sue)
    make_eligible(at_sams, guard, GUEST)
    assert found(at_sams, guard) == ["OneAbsenceBlocks"]
    with refused("ApproversWouldBeUnreachable", match="Name another approver first"):
        az(f"rest -m delete -u {at_sams.server.graph}/v1.0/users/{sue} --resource {at_sams.server.graph}")
    az("ad user update --id sue@fabsec.example --account-enabled false")
    assert found(at_sams, guard) == ["Deadlock", "NobodyBehind"]
    alerts = at_sams.rest("GET", f"{guard}/providers/Microsoft.AlertsManagement/alerts")["value"]
    assert [each["name"] for each in alerts] == ["Approvers Unreachable"]
    az("ad user update --id sue@fabsec.example --account-enabled true")


def test_two_accounts_are_said_to_be_one_person(at_sams, guard):
    graph = at_sams.server.graph
    one, two = employ(at_sams, "tess"), employ(at_sams, "tess-adm")
    body = json.dumps({"@odata.id": f"{graph}/v1.0/users/{two}"})
    linked = f"{graph}/v1.0/users/{one}/linkedAccounts"
    at_sams.az(f"rest -m post -u {linked}/$ref --resource {graph} --body '{body}'")
    [link] = at_sams.az(f"rest -u {linked} --resource {graph}")["value"]
    assert {each["userPrincipalName"] for each in link["accounts"]} == {"tess@fabsec.example", "tess-adm@fabsec.example"}
    require_approval_by(at_sams, guard, one, two)
    assert "PersonTwice" in found(at_sams, guard)
