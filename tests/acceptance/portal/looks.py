"""What is asked of every page, whatever it is about. Each function looks at the page that is open, and fails with what
is wrong in words."""

import difflib
import os
import re
from pathlib import Path
from urllib.parse import unquote

from server import ROOT
from visitor import DESKTOP, PHONE

GOLDEN = Path(__file__).with_name("golden")
SCREENS = ROOT / "target/portal/screens"
AXE = ROOT / "target/test-tools/javascript/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LIMIT = 100_000


def axe(page):
    """axe finds nothing to complain about."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("""async tags => (await axe.run(document, {
        preload: false, resultTypes: ["violations"], runOnly: {type: "tag", values: tags},
    })).violations""", RULES)
    told = [f"{each['id']} ({each['impact']}): {each['help']}\n    at {' '.join(map(str, node['target']))}\n    "
            + (node.get("failureSummary") or "").replace("\n", "\n    ")
            for each in found for node in each["nodes"]]
    assert not told, f"axe at {page.url}:\n" + "\n".join(told)


# Words that change from run to run, and what stands for them in a golden file.
MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
VOLATILE = [
    (r"(?<=[?&]after=)[^&\s]+", "<place>"),
    (r"(?<=/repositories/)\w{16}/\w{16}", "<vault>/<item>"),
    (r"https://(?:localhost|127\.0\.0\.1):\d+", "<origin>"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
    (r"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)", "<time>"),
    (rf"(?:{DAY},? )?\d{{1,2}} {MONTH}(?: \d{{4}})?(?:,? (?:at )?\d\d:\d\d(?::\d\d)?)?(?: (?:UTC|GMT|CES?T|\[?\w+/\w+\]?))?", "<time>"),
    (r"\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?(?: UTC)?", "<time>"),
    (r"\b20\d\d-\d\d\b", "<month>"),
    (r"\b\d\d:\d\d(?::\d\d)?(?: UTC)?\b", "<time>"),
    (r"\b(?:just now|(?:about )?\b(?:\d+|an?) (?:second|minute|hour|day)s? ago)\b", "<ago>"),
    (r"\b(?:in )?\d+ (?:s|min|seconds?|minutes?)\b(?: \d+ (?:s|seconds?))?", "<span>"),
    (r"\b[\d.]+ (?:bytes|[KMGT]iB)(?= on this server)", "<size>"),  # read by the background scrub, which takes turns
    (r"\b[0-9a-f]{16,64}\b", "<hex>"),
    (r"\b[0-9a-f]{8}(?=…)", "<hex>"),
    (r"(?<=assets/)[\w.-]+", "<asset>"),
]


def normalised(text):
    text = unquote(text)
    for pattern, word in VOLATILE:
        text = re.sub(pattern, word, text)
    return text


NONSENSE = (r"\b(?:null|undefined|NaN|Some\()|\{\{|\}\}|\[object |%[0-9A-F]{2}|&(?:amp|lt|gt|quot|#\d+);"
            r"|</?(?:a|div|figure|li|p|span|svg|td)\b")


def makes_sense(page):
    """Nothing of the program's own language stands in the text."""
    text = page.locator("body").inner_text()
    found = re.search(NONSENSE, text)
    assert not found, f"at {page.url} it says {text[max(0, found.start() - 60):found.end() + 60]!r}"


def reads_as_ever(page, name):
    """The page is what assistive technology was told of it when somebody last agreed to it.

    UPDATE_GOLDEN=1 agrees to what there is."""
    shorten(page)
    page.evaluate("document.querySelectorAll('time').forEach(time => { time.textContent = '<time>'; })")
    now = normalised(page.locator("body").aria_snapshot()) + "\n"
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(now)
        return
    before = file.read_text() if file.exists() else ""
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), f"golden/{file.name}", "now", lineterm="")
    assert now == before, "the page reads differently (UPDATE_GOLDEN=1 agrees to it):\n" + "\n".join(lines)


def shorten(page):
    """Leaves the beginning of long lists: what comes after it is of the same form."""
    page.evaluate("""() => document.querySelectorAll("tbody tr:nth-child(n+7), main :is(ul, ol) > li:nth-child(n+13)")
        .forEach(each => each.remove())""")


def fits(page, width):
    """Nothing sticks out at the side: nobody has to scroll sideways to read. A wide table scrolls within itself."""
    over = page.evaluate("""() => {
        const wide = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= wide) return null;
        return [...document.body.querySelectorAll("*")]
            .filter(each => each.checkVisibility() && each.getBoundingClientRect().left + each.scrollWidth > wide + 1)
            .map(each => `${each.tagName} ${each.className} ${(each.textContent || "").trim().slice(0, 40)}`);
    }""")
    assert over is None, f"at a width of {width} pixels these stick out:\n" + "\n".join(map(str, over))


def show(page, theme, size):
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size(size)


def stands_up(visitor, name):
    """All that can be asked of a page in the middle of a story."""
    page = visitor.page
    makes_sense(page)
    pictures(page, name)
    for theme, size in ("dark", PHONE), ("light", DESKTOP):
        show(page, theme, size)
        fits(page, size["width"])
        axe(page)


def pictures(page, name):
    """Takes the page in light and dark, at the width of a desk and of a phone."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    for size in DESKTOP, PHONE:
        for theme in "light", "dark":
            show(page, theme, size)
            page.screenshot(path=SCREENS / f"{name}-{theme}-{size['width']}.png", full_page=True, animations="disabled")


def is_light(visitor):
    """Whatever was loaded for the page weighs little, unpacked."""
    bodies = {each.url: len(each.body()) for each in visitor.responses
              if not 300 <= each.status < 400 and each.request.resource_type != "eventsource"}
    told = "\n".join(f"{size:>8} {url}" for url, size in bodies.items())
    assert sum(bodies.values()) < LIMIT, f"{sum(bodies.values())} bytes are too many for a page:\n{told}"


def is_strict(visitor, status=200):
    """The page may use what is its own, may not be framed, is not kept, and runs nothing that stands in the text."""
    [page] = [each for each in visitor.responses if each.request.is_navigation_request() and each.status == status]
    said = page.all_headers()
    policy = dict(each.strip().split(" ", 1) for each in said["content-security-policy"].strip("; ").split(";"))
    assert policy.pop("default-src") == "'none'" and policy.pop("frame-ancestors") == "'none'", said
    assert policy.pop("base-uri") == "'none'" and policy.pop("form-action", None) in ("'self'", "'none'"), said
    assert set(policy.values()) <= {"'self'", "'none'", "'self' data:"}, said
    assert said["cache-control"] == "no-store" and said["x-content-type-options"] == "nosniff", said
    assert said.get("referrer-policy") in ("no-referrer", "same-origin"), said


# What a person can use: what it is, and what it is called.
CONTROLS = """() => [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter(each => each.checkVisibility() && !each.matches("button.copy"))  // nothing but a script can copy
    .map(each => `${each.tagName.toLowerCase()} ${each.name || ""} ${each.getAttribute("href") || ""} ` +
        (each.textContent || each.ariaLabel || "").trim().replace(/\\s+/g, " "))
    .sort()"""


def same_without_script(page, plain):
    """Whatever can be used with script can be used without, too."""
    with_script, without = ({normalised(each) for each in where.evaluate(CONTROLS)} for where in (page, plain))
    assert not with_script - without, f"these need script: {sorted(with_script - without)}"
    assert page.locator("h1").inner_text() == plain.locator("h1").inner_text()


# Where the focus is, whether it can be seen there, and what one looks like that has it.
FOCUS = """() => {
    const here = document.activeElement;
    if (!here || here === document.body) return null;
    window.visits ??= new Map();
    if (here === window.latest) return {again: true};  // the parts of a date
    window.latest = here;
    visits.set(here, (visits.get(here) ?? 0) + 1);
    const look = element => {
        const style = getComputedStyle(element);
        return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow, style.borderColor,
                style.backgroundColor, style.textDecorationLine].join();
    };
    const label = here.labels?.[0], rings = [here, here.parentElement, label].filter(Boolean);
    const focused = rings.map(look);
    const box = here.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const top = document.elementFromPoint(x, y);
    const covered = top && !here.contains(top) && !top.contains(here) && !label?.contains(top);
    const name = `${here.tagName.toLowerCase()} ${(here.textContent || here.name || "").trim().slice(0, 40)}`;
    const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    here.blur();
    const changed = rings.map(look).some((each, at) => each !== focused[at]);
    here.focus({preventScroll: true});
    return {name, times: visits.get(here), inside, covered, changed,
            size: box.width * box.height};
}"""
FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
FIRST = f"""() => {{
    const first = document.querySelector("{FOCUSABLE}");
    const target = first.hash && document.getElementById(first.hash.slice(1));
    return target && target.closest("main") && target.contains(document.querySelector("h1")) ? null : first.outerHTML;
}}"""
UNVISITED = f"""() => [...document.querySelectorAll("{FOCUSABLE}")]
    .filter(each => each.checkVisibility({{visibilityProperty: true}}) && !each.disabled && !visits.has(each))
    .filter(each => !(each.type === "radio" && [...visits.keys()].some(other => other.name === each.name)))
    .map(each => each.outerHTML.slice(0, 120))"""


def works_by_keyboard(page, skip_link=True):
    """Tab reaches everything, what has the focus can be seen, and the first thing of all leads past the navigation."""
    wrong, outside = [], 0
    page.evaluate("() => { document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0); }")
    for _ in range(1000):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUS)
        outside += here is None  # between the last and the first
        if outside > 1 or (here and here.get("times", 0) > 1):
            break
        if here is None or here.get("again"):
            continue
        for fault, what in ((not here["changed"], "does not show that it has the focus"),
                            (not here["inside"] or here["size"] < 16, "cannot be seen while it has the focus"),
                            (here["covered"], "is covered by something else while it has the focus")):
            if fault:
                wrong.append(f"{here['name']} {what}")
    wrong += [f"Tab does not reach {each}" for each in page.evaluate(UNVISITED)]
    if skip_link and (first := page.evaluate(FIRST)):
        wrong.append(f"the first that Tab reaches does not lead past the navigation: {first}")
    assert not wrong, f"by keyboard at {page.url}:\n" + "\n".join(wrong)
