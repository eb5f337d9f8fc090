"""Mail and webhooks: a real process, a real SMTP server, and everything that can go wrong between them."""

import json
import subprocess

import pytest

from clients import Arm
from postbox import PASSWORD, USER, Hook, Postbox, parts, signed, tls_files
from scene import ask_for_consent, decide, give_back, make_eligible, make_group, make_guard, require_approval_by, stage_of
from server import Server, binary, free_ports, until
from world import ALICE, FABSEC, GUARD_SUB, SAM, group_id

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALICE_OID = ALICE.oids[FABSEC]
FROM = 'from = "Countersign <countersign@fabsec.example>"'


class Office:
    """A server with a configuration file, and a guard whose consent Alice can ask Sam for."""

    def __init__(self, home, config):
        (home / "countersign.toml").write_text(config)
        self.server = Server(home, options=["--config", home / "countersign.toml"]).start()

    def furnish(self):
        self.sam, self.alice = Arm(self.server, SAM), Arm(self.server, ALICE, tenant=FABSEC)
        make_group(self.sam, GUARD_SUB, "mail")
        self.guard = make_guard(self.sam, "mail", "mail-guard")
        require_approval_by(self.sam, self.guard, SAM.oid)
        return self

    def outbox(self, *more):
        command = [binary(), "outbox", "--data", str(self.server.data), *more]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mails(self):
        return [json.loads(line) for line in self.outbox("--json").splitlines()]

    def all_are(self, *states):
        mails = self.mails()
        return mails if mails and all(mail["state"] in states for mail in mails) else None


@pytest.fixture
def office(tmp_path):
    opened = []

    def open_office(config):
        opened.append(Office(tmp_path, config))
        return opened[-1].furnish()

    yield open_office
    for each in opened:
        if each.server.process.poll() is None:
            each.server.stop()
        each.server.verify_ledger()


def plain(port):
    return f'[mail]\nsmtp = "smtp://127.0.0.1:{port}"\n{FROM}\n'


def test_a_request_from_asking_to_giving_back_is_told_in_mails(office):
    [port] = free_ports(1)
    with Postbox(port) as postbox:
        here = office(plain(port))
        assert "mail is on: smtp://127.0.0.1" in here.server.log(full=True)
        make_eligible(here.sam, here.guard, ALICE_OID)
        asked = ask_for_consent(here.alice, here.guard, ALICE_OID, why='<b>Müller\'s</b> host & "old" item')
        decide(here.sam, stage_of(here.sam, here.guard, asked), why="called her")
        give_back(here.alice, here.guard, ALICE_OID)
        until("every mail", lambda: here.all_are("sent"), 60)

        subjects = sorted((mail.recipients[0], mail["subject"]) for mail in postbox.mails)
        what = "Backup MUA Operator on mail-guard"
        both = [f"Alice Backup gave back {what}", f"Alice Backup is eligible for {what}",
                f"Alice Backup's request for {what} was approved"]
        assert subjects == sorted(
            [(who, subject) for who in (ALICE.upn, SAM.upn) for subject in both]
            + [(ALICE.upn, f"Alice Backup asks for {what}"), (SAM.upn, f"Approval needed: Alice Backup asks for {what}")])
        assert len({mail["message-id"] for mail in postbox.mails}) == len(postbox.mails)

        [needed] = [mail for mail in postbox.mails if mail["subject"].startswith("Approval needed")]
        assert (needed["to"], needed["from"]) == (f"Sam Security <{SAM.upn}>", "Countersign <countersign@fabsec.example>")
        assert needed["auto-submitted"] == "auto-generated"
        text, html = parts(needed)
        link = f"https://127.0.0.1:{here.server.port}/portal/approvals/{asked['name']}"
        assert link in text and f'href="{link}"' in html
        assert "Why: \"<b>Müller's</b> host & \"old\" item\"" in text
        assert "<b>Müller" not in html and "Müller" in html

        [approved] = [mail for mail in postbox.mails if "approved" in mail["subject"] and mail.recipients == [ALICE.upn]]
        assert "Approved by: Sam Security" in parts(approved)[0] and "called her" in parts(approved)[0]

        # The link leads whoever is not signed in to the sign-in and back, and shows nothing of the request.
        page = here.server.http().get(link.replace("127.0.0.1", "localhost"))
        assert page.status_code == 200 and "Alice" not in page.text and 'name="password"' in page.text
        assert asked["name"] in page.url and "/portal/sign-in?back=" in page.url


def test_kill_between_commit_and_sending_loses_nothing_and_doubles_nothing(office):
    [port] = free_ports(1)
    here = office(plain(port))
    make_eligible(here.sam, here.guard, ALICE_OID)
    ask_for_consent(here.alice, here.guard, ALICE_OID)
    # Nobody listens yet: everything was tried, nothing is under way.
    tried = until("an attempt for every mail", lambda: [
        mail for mail in here.mails() if mail["state"] == "waiting" and mail["attempts"] > 0])
    until("all of them", lambda: all(m["attempts"] and m["state"] == "waiting" for m in here.mails()))
    assert "refused" in tried[0]["trouble"]
    here.server.kill()
    before = here.mails()  # the outbox is read while no server runs
    assert len(before) == 4

    with Postbox(port) as postbox:
        here.server.start()
        after = until("every mail", lambda: here.all_are("sent"), 90)
        assert {mail["id"] for mail in after} == {mail["id"] for mail in before}
        assert postbox.recipients() == [ALICE.upn, ALICE.upn, SAM.upn, SAM.upn]
        assert sorted(mail["message-id"].strip("<>").split("@")[0] for mail in postbox.mails) == sorted(
            mail["id"] for mail in before)

        # Once more in the middle of nothing: what is sent stays sent.
        here.server.kill()
        here.server.start()
        give = make_group(Arm(here.server, SAM), GUARD_SUB, "after")  # the server is at work again
        assert give == group_id(GUARD_SUB, "after") and len(postbox.mails) == 4


def test_a_mail_server_that_says_later_gets_it_later_and_one_that_says_no_is_believed(office):
    [port] = free_ports(1)
    with Postbox(port, ["451 4.7.1 come back later"]) as postbox:
        here = office(plain(port))
        make_eligible(here.sam, here.guard, ALICE_OID)
        until("both mails", lambda: here.all_are("sent"), 60)
        assert postbox.recipients() == [ALICE.upn, SAM.upn]
        assert sorted(mail["attempts"] for mail in here.mails()) == [1, 2]

        postbox.refusals.append("550 5.1.1 no such mailbox")
        ask_for_consent(here.alice, here.guard, ALICE_OID)
        mails = until("an end", lambda: here.all_are("sent", "given up"), 60)
        [given_up] = [mail for mail in mails if mail["state"] == "given up"]
        assert given_up["attempts"] == 1 and "no such mailbox" in given_up["trouble"]
        assert len(postbox.mails) == 3
        listed = here.outbox()
        assert "given up" in listed and "no such mailbox" in listed
        assert given_up["text"] in here.outbox(given_up["id"][:12])
        assert "given up" in here.server.log(full=True)
        assert 'countersign_outgoing_total{channel="mail",outcome="given_up"} 1' in here.server.http().get(
            f"{here.server.origin}/metrics").text


def secured(scheme, port, authority, password):
    return (f'[mail]\nsmtp = "{scheme}://{USER}@localhost:{port}"\n{FROM}\n'
            f'password = {{ file = "{password}" }}\nauthority = "{authority}"\n')


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # aiosmtpd does not know that TLS came first
@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_connections_are_encrypted_and_signed_in_to(tmp_path, scheme):
    [port] = free_ports(1)
    authority, context = tls_files(tmp_path)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    config = tmp_path / "mail.toml"
    config.write_text(secured(scheme, port, authority, tmp_path / "password"))

    def send():
        return subprocess.run([binary(), "mail", "test", "--config", str(config), "--to", SAM.upn],
                              capture_output=True, text=True, timeout=60)

    tls = {"tls": context} if scheme == "smtp+starttls" else {"implicit": context}
    with Postbox(port, auth=True, **tls) as postbox:
        done = send()
        assert done.returncode == 0 and postbox.recipients() == [SAM.upn], done.stderr
        assert postbox.tried == [("PLAIN", True)], "the password travels inside of TLS alone"

        (tmp_path / "password").write_text("not this one")
        done = send()
        assert done.returncode == 1 and "535" in done.stderr and "not this one" not in done.stderr

        (tmp_path / "other").mkdir()
        stranger, _ = tls_files(tmp_path / "other")
        config.write_text(secured(scheme, port, stranger, tmp_path / "password"))
        done = send()
        assert done.returncode == 1 and "certificate" in done.stderr, done.stderr
        assert len(postbox.mails) == 1

    config.write_text(secured(scheme, port, authority, tmp_path / "password"))
    with Postbox(port) as bare:  # somebody in between who offers no TLS
        done = send()
        assert done.returncode == 1 and not bare.mails and not bare.tried, done.stderr


def test_webhooks_are_called_signed_until_they_answer_well(office):
    ports = free_ports(2)
    webhook = '[[webhook]]\nname = "{}"\nkind = "{}"\nurl = "http://127.0.0.1:{}/hook"\nsecret = "{}"\n'
    config = 'public_url = "https://backup.example"\n' + "".join(
        webhook.format(name, name, port, SECRET) for name, port in zip(("json", "teams"), ports))
    with Hook(ports[0], 500, 500) as program, Hook(ports[1]) as teams:
        here = office(config)
        make_eligible(here.sam, here.guard, ALICE_OID)
        asked = ask_for_consent(here.alice, here.guard, ALICE_OID, why="a secret reason")

        def bodies():
            return {headers["webhook-id"]: json.loads(body) for headers, body in program.calls}

        until("three calls and two again", lambda: len(bodies()) >= 2 and len(program.calls) >= 4, 90)
        until("two cards", lambda: len(teams.calls) >= 2, 60)
        for headers, body in program.calls + teams.calls:
            assert signed(headers, body, SECRET)
            assert b"a secret reason" not in body and b"@" not in body
        waiting = [body for body in bodies().values() if body["type"] == "activation.approval_waiting"]
        assert waiting[0]["data"]["url"] == f"https://backup.example/portal/approvals/{asked['name']}"
        card = json.loads(teams.calls[-1][1])["attachments"][0]
        assert card["contentType"] == "application/vnd.microsoft.card.adaptive"


def test_a_configuration_that_makes_no_sense_stops_the_start(tmp_path):
    for text, why in (("[mail]\nsmpt = 'x'\n", "line 2"), ("[[webhook]]\nname = 'a'\n", "line 1"),
                      (f'[mail]\nsmtp = "smtp://mail.example"\n{FROM}\n', "plain text")):
        config = tmp_path / "countersign.toml"
        config.write_text(text)
        done = subprocess.run([binary(), "serve", "--data", str(tmp_path / "data"), "--config", str(config)],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and why in done.stderr, done.stderr
        assert not (tmp_path / "data").exists()


def test_an_attempt_is_on_record_before_it_is_made(office):
    """Killed while the mail server ponders: what was under way can be seen, and is not sent again at once."""
    [port] = free_ports(1)
    with Postbox(port) as postbox:
        postbox.ponder.clear()
        here = office(plain(port))
        make_eligible(here.sam, here.guard, ALICE_OID)
        until("the mail server to have one", lambda: postbox.pondering)
        here.server.kill()
        assert sorted((mail["state"], mail["attempts"]) for mail in here.mails()) == [("sending", 1), ("waiting", 0)]
        here.server.start()
        until("the other one", lambda: [mail for mail in here.mails() if (mail["state"], mail["attempts"]) == ("sending", 1)
                                        and mail["to"] != postbox.pondering[0]])
        postbox.ponder.set()
        until("its outcome", lambda: sorted(mail["state"] for mail in here.mails()) == ["sending", "sent"])
