"""The world of every test: two organisations, the people in them, and how things are named.

Contoso owns the backups. Fabrikam Security owns the Resource Guard that watches over them. Alice is known in both: at
home as the backup admin, at Fabrikam as a guest under another object id.
"""

from dataclasses import dataclass, field

CONTOSO = "11111111-1111-4111-8111-111111111111"
FABSEC = "22222222-2222-4222-8222-222222222222"
VAULT_SUB = "aaaaaaaa-1111-4111-8111-111111111111"
GUARD_SUB = "bbbbbbbb-2222-4222-8222-222222222222"
OPERATORS = "33333333-1111-4111-8111-333333333333"  # a group at Contoso
REGION = "eastus"

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
MUA_OPERATOR = "f54b6d04-23c6-443e-b462-9c16ab7b4a52"


@dataclass(frozen=True)
class Person:
    upn: str
    password: str
    home: str
    oids: dict = field(hash=False)  # tenant -> object id

    @property
    def oid(self):
        return self.oids[self.home]


@dataclass(frozen=True)
class Application:
    app_id: str
    secret: str
    oids: dict = field(hash=False)


ALICE = Person("alice@contoso.example", "Alice keeps the backups 1", CONTOSO,
               {CONTOSO: "a11ce000-1111-4111-8111-000000000001", FABSEC: "a11ce000-2222-4222-8222-000000000002"})
BOB = Person("bob@contoso.example", "Bob may do nothing here 1", CONTOSO,
             {CONTOSO: "b0b00000-1111-4111-8111-000000000001"})
SAM = Person("sam@fabsec.example", "Sam guards the guard 1", FABSEC,
             {FABSEC: "5a000000-2222-4222-8222-000000000001"})
# One application that exists in both directories, as a multi-tenant application does, and one at Fabrikam only.
AUTOMATION = Application("44444444-1111-4111-8111-000000000001", "automation-secret-of-the-tests",
                         {CONTOSO: "44444444-1111-4111-8111-00000000000a",
                          FABSEC: "44444444-2222-4222-8222-00000000000b"})
WARDEN = Application("55555555-2222-4222-8222-000000000001", "warden-secret-of-the-tests",
                     {FABSEC: "55555555-2222-4222-8222-00000000000a"})


def credentials(app, tenant):
    return f'app_id = "{app.app_id}", secret = "{app.secret}", id = "{app.oids[tenant]}"'


BOOTSTRAP = f"""
[[tenants]]
id = "{CONTOSO}"
name = "Contoso"
domain = "contoso.example"
users = [
  {{ upn = "{ALICE.upn}", display_name = "Alice Backup", password = "{ALICE.password}", id = "{ALICE.oid}" }},
  {{ upn = "{BOB.upn}", display_name = "Bob Bystander", password = "{BOB.password}", id = "{BOB.oid}" }},
]
groups = [{{ name = "Backup operators", id = "{OPERATORS}", members = ["{ALICE.upn}"] }}]
service_principals = [
  {{ name = "automation", {credentials(AUTOMATION, CONTOSO)} }},
]
subscriptions = [{{ id = "{VAULT_SUB}", name = "Backup production", owners = ["{ALICE.upn}"] }}]

[[tenants]]
id = "{FABSEC}"
name = "Fabrikam Security"
domain = "fabsec.example"
guests = [{{ upn = "{ALICE.upn}", id = "{ALICE.oids[FABSEC]}" }}]
users = [{{ upn = "{SAM.upn}", display_name = "Sam Security", password = "{SAM.password}", id = "{SAM.oid}" }}]
service_principals = [
  {{ name = "automation", {credentials(AUTOMATION, FABSEC)} }},
  {{ name = "warden", {credentials(WARDEN, FABSEC)} }},
]
subscriptions = [{{ id = "{GUARD_SUB}", name = "Security", owners = ["{SAM.upn}"] }}]
"""


def group_id(sub, group):
    return f"/subscriptions/{sub}/resourceGroups/{group}"


def vault_id(group, name):
    return f"{group_id(VAULT_SUB, group)}/providers/Microsoft.RecoveryServices/vaults/{name}"


def backup_vault_id(group, name):
    return f"{group_id(VAULT_SUB, group)}/providers/Microsoft.DataProtection/backupVaults/{name}"


def guard_id(group, name):
    return f"{group_id(GUARD_SUB, group)}/providers/Microsoft.DataProtection/resourceGuards/{name}"


def container_id(vault, host):
    return f"{vault}/backupFabrics/Azure/protectionContainers/Windows;{host}"


def item_id(vault, host, name):
    return f"{container_id(vault, host)}/protectedItems/FileFolder;{name}"


def proxy_id(vault):
    return f"{vault}/backupResourceGuardProxies/VaultProxy"


def auth(scope, kind, name=None):
    """An id below Microsoft.Authorization at a scope; with no name, the list of that kind."""
    return f"{scope}/providers/Microsoft.Authorization/{kind}" + (f"/{name}" if name else "")


def role_id(sub, role):
    return auth(f"/subscriptions/{sub}", "roleDefinitions", role)
