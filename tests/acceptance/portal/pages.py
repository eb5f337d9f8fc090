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
    Page("vaults", "alice", "/portal/vaults"),
    Page("vaults-none", "bob", "/portal/vaults"),
    Page("vaults-filter", "alice", "/portal/vaults?q=nothing-like-it"),
    Page("vault-new", "alice", "/portal/vaults/new"),
    Page("vault", "alice", "/portal/vaults/overview/{vault}"),
    Page("vault-without-guard", "alice", "/portal/vaults/overview/{bare}"),
    Page("backup-vault", "alice", "/portal/vaults/overview/{backup_vault}"),
    Page("vault-jobs", "alice", "/portal/vaults/jobs/{vault}"),
    Page("vault-job", "alice", "/portal/vaults/job/{job}"),
    Page("vault-alerts", "alice", "/portal/vaults/alerts/{vault}"),
    Page("vault-alert", "alice", "/portal/vaults/alert/{alert}"),
    Page("vault-activity", "alice", "/portal/vaults/activity/{vault}"),
    Page("roles", "alice", "/portal/privileged"),
    Page("roles-none", "bob", "/portal/privileged"),
    Page("role-activate", "alice", "/portal/privileged/activate/{guard}"),
    Page("requests", "alice", "/portal/privileged/requests"),
    Page("approvals", "olga", "/portal/privileged/approvals"),
    Page("approval", "olga", "/portal/approvals/{approval}"),
]

# What is linked before it is there.
NOT_YET = ("/portal/vaults/policies/", "/portal/vaults/properties/", "/portal/vaults/separation/", "/portal/items/",
           "/portal/guards", "/portal/access", "/portal/directory", "/portal/ledger", "/portal/privileged/assignments/")
