"""What is asked of every page would notice a page that falls short."""

import pytest

import looks
from visitor import PHONE, Visitor

GOOD = """<!doctype html><html lang="en"><head><title>A page</title></head><body>
<a href="#content">Skip</a><main id="content"><h1>A page</h1><p>%s</p></main></body></html>"""


@pytest.fixture
def visitor(browser, ground):
    visitor = Visitor(browser, ground.server)
    yield visitor
    visitor.close()


def complains(page, of, look, *more):
    page.set_content(GOOD % "<a href='/'>Home</a>")
    look(page, *more)
    for each in of:
        page.set_content(GOOD % each)
        with pytest.raises(AssertionError):
            look(page, *more)


def test_of_what_is_not_accessible(visitor):
    complains(visitor.page, ["<input>", "<span style='color: #999'>grey</span>", "<img src='data:,'>"], looks.axe)


def test_of_what_takes_a_mouse(visitor):
    complains(visitor.page, ["<a href='/' style='outline: none'>unseen</a>", "<a href='/' tabindex='-1'>unreached</a>",
                             "<a href='/' style='position: fixed; left: -9999px'>away</a>"], looks.works_by_keyboard)
    visitor.page.set_content((GOOD % "").replace("#content", "#nowhere"))
    with pytest.raises(AssertionError, match="past the navigation"):
        looks.works_by_keyboard(visitor.page)


def test_of_what_makes_no_sense(visitor):
    complains(visitor.page, ["for undefined days", "{{ name }}", "Ask Some(Alice)", "&amp;amp;", "&lt;div class"], looks.makes_sense)


def test_of_what_sticks_out(visitor):
    visitor.page.set_viewport_size(PHONE)
    complains(visitor.page, ["<div style='width: 500px'>wide</div>"], looks.fits, PHONE["width"])


def test_of_what_reads_differently(visitor, tmp_path, monkeypatch):
    monkeypatch.setattr(looks, "GOLDEN", tmp_path)
    monkeypatch.setenv("UPDATE_GOLDEN", "1")
    visitor.page.set_content(GOOD % "at 12:04 UTC on 3 March 2026, 5 minutes ago")
    looks.reads_as_ever(visitor.page, "page")
    monkeypatch.delenv("UPDATE_GOLDEN")
    visitor.page.set_content(GOOD % "at 17:44 UTC on 28 May 2027, 2 minutes ago")
    looks.reads_as_ever(visitor.page, "page")
    visitor.page.set_content(GOOD % "at some time")
    with pytest.raises(AssertionError, match="at some time"):
        looks.reads_as_ever(visitor.page, "page")


def test_of_what_needs_script(visitor, browser, ground):
    plain = Visitor(browser, ground.server, script=False)
    visitor.page.set_content(GOOD % "<a href='/'>Home</a><button>More</button>")
    plain.page.set_content(GOOD % "<a href='/'>Home</a>")
    with pytest.raises(AssertionError, match="More"):
        looks.same_without_script(visitor.page, plain.page)
    looks.same_without_script(plain.page, visitor.page)
    plain.close()


def test_of_what_goes_wrong_while_it_is_shown(visitor):
    visitor.open("/account/security")
    visitor.nothing_is_wrong()
    with visitor.context.expect_event("weberror"):  # what is thrown later is lost when the page is left before it
        visitor.page.evaluate("""async () => {
            console.error("broken");
            document.body.insertAdjacentHTML("beforeend", '<p style="color: red">against the policy</p>');
            await fetch("/assets/nowhere").catch(() => {});
            setTimeout(() => { throw new Error("thrown") });
        }""")
    visitor.page.goto("/assets/nowhere")
    told = "\n".join(visitor.troubles)
    assert all(each in told for each in ("broken", "policy: style-src-attr", "thrown", "status: 401")), told
    visitor.troubles.clear()
    with visitor.told(401):
        visitor.open("/assets/nowhere-else")
    visitor.nothing_is_wrong()


def test_of_what_weighs_too_much(visitor, monkeypatch):
    visitor.open("/account/security")
    looks.is_light(visitor)
    monkeypatch.setattr(looks, "LIMIT", 1000)
    with pytest.raises(AssertionError, match="too many"):
        looks.is_light(visitor)
