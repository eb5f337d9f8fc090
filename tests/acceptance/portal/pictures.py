"""Takes pictures of pages: those that the README shows, or of any: `pictures.py PERSON ADDRESS...`, where an address may
name ids of the ground, as `/portal/vaults/overview/{vault}`."""

import re
import sys
import tempfile
from pathlib import Path

import looks
from ground import DAYS, lay_out, running
from server import ROOT
from visitor import DESKTOP, PHONE, Visitor, chromium

SHOWN = ROOT / "docs/portal"
README = [  # what they are called, who looks, where, on what, and what is pressed there first
    ("vault", "alice", "/portal/vaults/overview/{vault}", DESKTOP, []),
    ("recovery-points", "alice", "/portal/items/points/{item}", DESKTOP, []),
    ("explained", "alice", "/portal/items/settings/{item}", DESKTOP, ["Stop backups", "Stop the backups of home"]),
    ("approval", "olga", "/portal/approvals/{approval}", PHONE, []),
]


def take_for_readme(ground, browser):
    """The upper part of the page, as it is on a screen, in light and dark."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    for name, who, address, size, pressed in README:
        visitor = Visitor(browser, ground.server, device_scale_factor=1.5).sign_in(ground.people[who])
        page = visitor.open(address.format(**ground.ids))
        for each in pressed:
            page.locator("summary, button").filter(has_text=each).last.click()
        page.wait_for_load_state()
        for theme in "light", "dark":
            looks.show(page, theme, size)
            page.screenshot(path=SHOWN / f"{name}-{theme}.png", animations="disabled")
        visitor.nothing_is_wrong()
        visitor.close()


def take(ground, browser, who, addresses):
    visitor = Visitor(browser, ground.server).sign_in(ground.people[who])
    for address in addresses:
        looks.show(visitor.page, "light", DESKTOP)
        page = visitor.open(address.format(**ground.ids))
        name = re.sub(r"\W+", "-", address.removeprefix("/portal")).strip("-") or "home"
        looks.pictures(page, name)
        print(f"{looks.SCREENS / name}-*.png", *visitor.troubles, sep="\n")
        visitor.troubles.clear()
        for look in looks.axe, looks.works_by_keyboard:
            try:
                look(page)
            except AssertionError as fault:
                print(fault)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home, running(Path(home), days_ago=DAYS) as (server, time):
        ground = lay_out(server, time)
        with chromium() as browser:
            take(ground, browser, sys.argv[1], sys.argv[2:]) if sys.argv[1:] else take_for_readme(ground, browser)
