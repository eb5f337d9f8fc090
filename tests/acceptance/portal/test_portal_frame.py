"""What is around every page: the menu of a phone, and the menus of the bar."""

import pytest

from visitor import PHONE, Visitor


@pytest.fixture(params=[True, False], ids=["with-script", "without-script"])
def phone(browser, ground, signed_in, request):
    visitor = Visitor(browser, ground.server, signed_in("alice"), script=request.param)
    visitor.page.set_viewport_size(PHONE)
    visitor.open("/portal/")
    yield visitor.page
    visitor.close()
    visitor.nothing_is_wrong()


def test_the_menu_of_a_phone_opens_closes_and_leads_on(phone):
    sections = phone.get_by_role("navigation", name="Sections")
    assert not sections.is_visible()
    phone.get_by_role("link", name="Menu", exact=True).click()
    assert sections.is_visible()
    phone.get_by_role("link", name="Close the menu").click()
    assert not sections.is_visible()
    phone.get_by_role("link", name="Menu", exact=True).click()
    with phone.expect_navigation():
        sections.get_by_role("link", name="Home").click()
    assert not sections.is_visible()


def test_the_menus_of_the_bar_are_opened_and_closed_by_keyboard(browser, ground, signed_in):
    visitor = Visitor(browser, ground.server, signed_in("alice"))
    page = visitor.open("/portal/")
    menu, way_out = page.locator("summary", has_text="Account"), page.get_by_role("button", name="Sign out")
    menu.focus()
    page.keyboard.press("Enter")
    assert way_out.is_visible()
    page.keyboard.press("Escape")
    assert not way_out.is_visible() and menu.evaluate("each => each === document.activeElement")
    visitor.close()
    visitor.nothing_is_wrong()
