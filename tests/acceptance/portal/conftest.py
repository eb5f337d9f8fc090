import pytest

import looks
from ground import DAYS, lay_out, running
from visitor import Visitor, chromium


@pytest.fixture(scope="session")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """What the pages of the table show. Whoever looks at them changes nothing."""
    home = tmp_path_factory.mktemp("pages")
    with running(home / "server", days_ago=DAYS) as (server, time):
        ground = lay_out(server, time)
        looks.VOLATILE.extend((host.restic.user, "<user>") for host in ground.hosts)
        yield ground


@pytest.fixture(scope="session")
def signed_in(browser, ground):
    """The cookies of everybody, who sign in once."""
    known = {None: None}

    def sign_in(who):
        if who not in known:
            visitor = Visitor(browser, ground.server).sign_in(ground.people[who])
            visitor.nothing_is_wrong()
            known[who] = visitor.state()
            visitor.close()
        return known[who]

    return sign_in
