"""Every page of the table: it reads as ever, is accessible, light, and usable without script, by keyboard and on a phone."""

from contextlib import nullcontext

import pytest

import looks
from pages import NOT_FOR_ALL, PAGES
from visitor import DESKTOP, PHONE, Visitor


@pytest.fixture(scope="module", params=PAGES, ids=str)
def page(request):
    return request.param


@pytest.fixture(scope="module")
def window(browser, ground, signed_in):
    """The window of somebody: with script, or with script turned off."""
    opened = {}

    def open_window(who, script):
        if (who, script) not in opened:
            opened[who, script] = Visitor(browser, ground.server, signed_in(who), script)
        return opened[who, script]

    yield open_window
    for each in opened.values():
        each.close()


@pytest.fixture(scope="module")
def address(ground, page):
    return page.address.format(**ground.ids)


@pytest.fixture(scope="module")
def visitor(window, page, address):
    """Whoever looks at the page, in front of it."""
    visitor = window(page.who, True)
    visitor.troubles.clear()
    looks.show(visitor.page, "light", DESKTOP)
    come_to(visitor, page, address)
    return visitor


@pytest.fixture(scope="module")
def plain(window, page, address):
    """The same without script."""
    visitor = window(page.who, False)
    visitor.troubles.clear()
    come_to(visitor, page, address)
    return visitor


def come_to(visitor, page, address):
    with visitor.told(page.status) if page.status >= 400 else nullcontext():
        visitor.open(address)


def test_it_reads_as_ever(visitor, page):
    looks.makes_sense(visitor.page)
    if not page.of_the_day:
        looks.reads_as_ever(visitor.page, page.name)


def test_it_is_light(visitor):
    looks.is_light(visitor)


def test_it_holds_the_browser_to_a_strict_policy(visitor, page):
    looks.is_strict(visitor, page.status)


def test_it_works_without_script(visitor, plain):
    looks.same_without_script(visitor.page, plain.page)


def test_it_works_by_keyboard(visitor, page):
    looks.works_by_keyboard(visitor.page, page.skip_link)


def test_it_fits_everywhere_and_is_accessible(visitor, page, address):
    """For axe, in light at the width of a desk, and in dark at that of a phone."""
    come_to(visitor, page, address)  # as one comes to it, with the focus nowhere else
    looks.pictures(visitor.page, page.name)
    for width in 320, PHONE["width"], DESKTOP["width"]:  # the first is what enlarging a page four times leaves of a desk
        looks.show(visitor.page, "light", {"width": width, "height": 800})
        looks.fits(visitor.page, width)
    looks.shorten(visitor.page)
    for theme, size in ("light", DESKTOP), ("dark", PHONE):
        looks.show(visitor.page, theme, size)
        looks.axe(visitor.page)


def test_it_tells_nothing_to_who_may_not_know(ground, window, page, address):
    """Bob may sign in and nothing more. Who is not signed in is asked to."""
    bob = window("bob", True)
    bob.troubles.clear()
    bob.open(address)
    assert not said(bob, ground, address)
    if page.who:  # else it is for everybody
        nobody = window(None, True)
        nobody.open(address)
        assert nobody.page.get_by_label("Password").is_visible() and not nobody.page.locator("nav").count()
        assert not said(nobody, ground, address)


def said(visitor, ground, address):
    """The secrets that a page tells, other than those that whoever asked knew."""
    return [each for each in ground.secrets if each in visitor.text() and each not in address]


@pytest.fixture(scope="module")
def answers():
    """What each address answered to each person who followed a link to it."""
    return {}


def test_no_link_leads_nowhere(visitor, page, answers):
    found = visitor.page.eval_on_selector_all("a[href^='/']", "found => found.map(each => each.pathname + each.search)")
    wrong = {}
    for href in set(found):
        if (page.who, href) not in answers:
            answers[page.who, href] = visitor.context.request.get(href).status
        status = answers[page.who, href]
        if status >= 400 and not (status == 403 and href in NOT_FOR_ALL):
            wrong[href] = status
    assert not wrong


def test_nothing_was_wrong(visitor, plain):
    visitor.nothing_is_wrong()
    plain.nothing_is_wrong()
