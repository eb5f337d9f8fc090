"""People in front of a real browser: Debian's Chromium, driven by Playwright. Each has a window of their own."""

import os
import shutil
from contextlib import contextmanager

from playwright.sync_api import Error, sync_playwright

HOME = "/portal/"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

# A page that breaks its own policy says so to whoever listens; the console has it, too.
LISTEN = """addEventListener("securitypolicyviolation", event =>
    console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`))"""


@contextmanager
def chromium():
    """The browser, as long as it is needed."""
    program = os.environ.get("COUNTERSIGN_CHROMIUM") or shutil.which("chromium")
    assert program, "no Chromium on this machine: scripts/install-test-tools installs it"
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not work for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=as_root)
        yield browser
        browser.close()


class Visitor:
    """A window: signed in as somebody, or as nobody. What the pages do wrong is in `troubles`."""

    def __init__(self, browser, server, state=None, script=True, **options):
        self.server, self.troubles, self.responses = server, [], []
        self.context = browser.new_context(
            base_url=server.origin, ignore_https_errors=True, storage_state=state, java_script_enabled=script,
            viewport=DESKTOP, locale="en-GB", timezone_id="Europe/Berlin", **options)
        self.context.set_default_timeout(20_000)
        self.context.add_init_script(LISTEN)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.troubles.append(f"script: {error.error}"))
        self.context.on("requestfailed", self._failed)
        self.context.on("response", self._answered)
        self.page = self.context.new_page()

    def _said(self, message):
        # What could not be loaded is counted by its response.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.troubles.append(f"console: {message.text} at {message.page and message.page.url}")

    def _failed(self, request):
        if "ERR_ABORTED" not in (request.failure or ""):  # else the page was left before it was all there
            self.troubles.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _answered(self, response):
        self.responses.append(response)
        if response.status >= 400:
            self.troubles.append(f"status: {response.status} for {response.request.method} {response.url}")

    def open(self, address):
        """Opens an address and gives the page, when it and all that belongs to it is there."""
        self.responses.clear()
        answer = self.page.goto(address, wait_until="load")
        assert answer, f"{address} is the page that is open already"
        return self.page

    @contextmanager
    def told(self, status):
        """What happens inside is answered with a page of an error, of which nothing else is wrong."""
        before, self.troubles = self.troubles, []
        yield
        pages = [each for each in self.troubles if each.startswith(f"status: {status} ")]
        assert pages, f"no page was answered with {status}"
        self.troubles = before + [each for each in self.troubles if each not in pages]

    def press(self, name, **more):
        """Presses the button that sends a form, and gives the page that answers."""
        with self.page.expect_navigation(wait_until="load"):
            self.page.get_by_role("button", name=name, **more).click()
        return self.page

    def sign_in(self, person, authenticator=None, at=HOME):
        """Signs in at the page, with a code if one is asked for, and ends at what was wanted."""
        page = self.open(at)
        page.get_by_label("User name").fill(person.upn)
        page.get_by_label("Password").fill(person.password)
        self.press("Sign in")
        if authenticator:
            page.get_by_label("Code", exact=True).fill(authenticator.code())
            self.press("Sign in")
        assert not page.get_by_label("Password").count() and not page.locator("input[name=code]").count(), self.text()
        return self

    def text(self):
        return self.page.locator("body").inner_text()

    def state(self):
        """What another window of the same browser would know: the cookies."""
        return self.context.storage_state()

    def nothing_is_wrong(self):
        assert not self.troubles, "\n".join(["the pages did wrong:", *self.troubles])

    def close(self):
        try:
            self.context.close()
        except Error:
            pass  # the browser is gone already
