"""Every page of the table: it reads as ever, is accessible, light, and usable without script, by keyboard and on a phone."""

import pytest

import looks
from pages import PAGES
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
def visitor(ground, window, page):
    """Whoever looks at the page, in front of it."""
    visitor = window(page.who, True)
    visitor.troubles.clear()
    looks.show(visitor.page, "light", DESKTOP)
    visitor.open(page.address.format(**ground.ids))
    return visitor


@pytest.fixture(scope="module")
def plain(ground, window, page):
    """The same without script."""
    visitor = window(page.who, False)
    visitor.troubles.clear()
    visitor.open(page.address.format(**ground.ids))
    return visitor


def test_it_reads_as_ever(visitor, page):
    looks.reads_as_ever(visitor.page, page.name)


def test_it_is_light(visitor):
    looks.is_light(visitor)


def test_it_works_without_script(visitor, plain):
    looks.same_without_script(visitor.page, plain.page)


def test_it_works_by_keyboard(visitor, page):
    looks.works_by_keyboard(visitor.page, page.skip_link)


def test_it_fits_everywhere_and_is_accessible(visitor, page):
    """In light at the width of a desk, and in dark at that of a phone."""
    for theme, size in ("light", DESKTOP), ("dark", PHONE):
        looks.show(visitor.page, theme, size)
        looks.fits(visitor.page, size["width"])
        looks.axe(visitor.page)
    looks.pictures(visitor.page, page.name)


def test_nothing_was_wrong(visitor, plain):
    visitor.nothing_is_wrong()
    plain.nothing_is_wrong()
