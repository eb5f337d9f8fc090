import shutil

import pytest

from clients import Arm, Az
from server import Server, can_bind
from world import ALICE, FABSEC, SAM


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that most stories share; each keeps to resource groups of its own."""
    running = Server(tmp_path_factory.mktemp("server"), userrealm=can_bind(443)).start()
    yield running
    running.stop()
    running.verify_ledger()


@pytest.fixture(scope="session")
def terminal(server, tmp_path_factory):
    """Gives anybody a terminal with az that knows this cloud, and nobody signed in."""
    prepared = Az(server, tmp_path_factory.mktemp("az") / "prepared")
    prepared.az(f"cloud register -n Countersign --endpoint-resource-manager {server.origin}")
    prepared.az("cloud set -n Countersign")

    def open_terminal(person=None):
        home = tmp_path_factory.mktemp("az")
        shutil.copytree(prepared.home, home, dirs_exist_ok=True)
        return Az(server, home, person)

    return open_terminal


@pytest.fixture(scope="session")
def alice(server):
    """Alice without az: at Contoso, and with a token of her guest account for the guard."""
    return Arm(server, ALICE, also=[FABSEC])


@pytest.fixture(scope="session")
def alice_as_guest(server):
    return Arm(server, ALICE, tenant=FABSEC)


@pytest.fixture(scope="session")
def sam(server):
    return Arm(server, SAM)
