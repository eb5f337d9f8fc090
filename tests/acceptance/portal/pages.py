"""The pages that are looked at: what they are called, who looks, and where. `{vault}` and the like are ids of the ground."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    name: str
    who: str | None  # nobody is signed in
    address: str
    status: int = 200
    skip_link: bool = True

    def __str__(self):
        return self.name


PAGES = [
    Page("sign-in", None, "/portal/sign-in", skip_link=False),
    Page("security-sign-in", None, "/account/security", skip_link=False),
    Page("no-such-page", "alice", "/portal/nowhere", status=404),
    Page("home-nothing", "bob", "/portal/"),
    Page("home", "alice", "/portal/"),
]

# Sections of the portal that are linked before they are there.
NOT_YET = ("/portal/vaults", "/portal/guards", "/portal/privileged", "/portal/access", "/portal/directory",
           "/portal/ledger")
