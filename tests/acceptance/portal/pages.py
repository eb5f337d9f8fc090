"""The pages that are looked at: what they are called, who looks, and where. `{vault}` and the like are ids of the ground."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    name: str
    who: str | None  # nobody is signed in
    address: str
    status: int = 200
    skip_link: bool = True
    of_the_day: bool = False  # reads differently tomorrow

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
    Page("vault-policies", "alice", "/portal/vaults/policies/{vault}"),
    Page("backup-vault-policies", "alice", "/portal/vaults/policies/{backup_vault}"),
    Page("vault-properties", "alice", "/portal/vaults/properties/{vault}"),
    Page("vault-without-guard-properties", "alice", "/portal/vaults/properties/{bare}"),
    Page("backup-vault-properties", "alice", "/portal/vaults/properties/{backup_vault}"),
    Page("vault-separation", "alice", "/portal/vaults/separation/{vault}"),
    Page("vault-delete", "alice", "/portal/vaults/delete/{bare}"),
    Page("vault-jobs", "alice", "/portal/vaults/jobs/{vault}"),
    Page("vault-job", "alice", "/portal/vaults/job/{job}"),
    Page("vault-alerts", "alice", "/portal/vaults/alerts/{vault}"),
    Page("vault-alert", "alice", "/portal/vaults/alert/{alert}"),
    Page("vault-activity", "alice", "/portal/vaults/activity/{vault}"),
    Page("items", "alice", "/portal/items/list/{vault}"),
    Page("item-new", "alice", "/portal/items/new/{vault}"),
    Page("item", "alice", "/portal/items/overview/{item}"),
    Page("item-deleted", "alice", "/portal/items/overview/{old}"),
    Page("instance", "alice", "/portal/items/overview/{instance}"),
    Page("item-connect", "alice", "/portal/items/connect/{item}"),
    Page("item-points", "alice", "/portal/items/points/{item}", of_the_day=True),
    Page("item-point", "alice", "/portal/items/point/{point}"),
    Page("item-settings", "alice", "/portal/items/settings/{item}"),
    Page("guards", "sam", "/portal/guards"),
    Page("guard-new", "sam", "/portal/guards/new"),
    Page("guard", "sam", "/portal/guards/overview/{guard}"),
    Page("guard-to-a-reader", "alice", "/portal/guards/overview/{guard}"),
    Page("guard-operations", "sam", "/portal/guards/operations/{guard}"),
    Page("guard-properties", "sam", "/portal/guards/properties/{guard}"),
    Page("guard-vaults", "sam", "/portal/guards/vaults/{guard}"),
    Page("guard-separation", "sam", "/portal/guards/separation/{guard}"),
    Page("guard-approvers", "sam", "/portal/guards/approvers/{guard}"),
    Page("guard-activity", "sam", "/portal/guards/activity/{guard}"),
    Page("guard-delete", "sam", "/portal/guards/delete/{guard}"),
    Page("roles", "alice", "/portal/privileged"),
    Page("roles-none", "bob", "/portal/privileged"),
    Page("role-activate", "alice", "/portal/privileged/activate/{guard}?role={role}"),
    Page("requests", "alice", "/portal/privileged/requests"),
    Page("approvals", "olga", "/portal/privileged/approvals"),
    Page("approval", "olga", "/portal/approvals/{approval}"),
    Page("role-assignments", "sam", "/portal/privileged/assignments/{guard}"),
    Page("role-settings", "sam", "/portal/privileged/settings/{guard}?role={role}"),
    Page("role-setting", "sam", "/portal/privileged/setting/{guard}?role={role}"),
    Page("role-assign", "sam", "/portal/privileged/assign/{guard}?role={role}"),
    Page("access-to-what", "sam", "/portal/access"),
    Page("access", "sam", "/portal/access/scope/{guard}"),
    Page("access-of-a-vault", "alice", "/portal/access/scope/{vault}"),
    Page("access-add", "sam", "/portal/access/add/{guard}"),
    Page("access-roles", "sam", "/portal/access/roles/{guard}"),
    Page("access-why", "sam", "/portal/access/why/{guard}"),
    Page("people", "sam", "/portal/people"),
    Page("person-new", "sam", "/portal/people/new"),
    Page("guest-invite", "sam", "/portal/people/invite"),
    Page("person", "sam", "/portal/people/{olga}"),
    Page("groups", "alice", "/portal/groups"),
    Page("group", "alice", "/portal/groups/{group}"),
    Page("group-new", "alice", "/portal/groups/new"),
    Page("application", "alice", "/portal/applications/{application}"),
    Page("applications", "alice", "/portal/applications"),
    Page("directory", "sam", "/portal/directory"),
    Page("sign-in-rules", "sam", "/portal/sign-in-rules"),
    Page("ledger", "sam", "/portal/ledger"),
    Page("vault-policy-new", "alice", "/portal/vaults/new-policy/{vault}"),
    Page("vault-policy", "alice", "/portal/vaults/policy/{policy}"),
]

# Sections that are linked for everybody, and say to those who may read nothing there what they lack.
NOT_FOR_ALL = ("/portal/ledger",)
