"""Alerts as a mail server and a Slack-compatible server receive them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from apprise.plugins.slack import NotifySlack

from clickstream_platform.monitoring.alert import Alert
from clickstream_platform.monitoring.notifier import DeliveryError, tell
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.monitoring.test_alerts import NOW, Webhook

ALERT = Alert("late:silver", "3 hours of silver are late", "Build them: `clickstream run`.")


class Mailbox:
    """A mail server on loopback that wants a password and keeps what it takes."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.logins: list[tuple[str, str]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str,
                     given: Any) -> AuthResult:  # fmt: skip
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=self.logins[-1] == ("shop", "secret"))


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    found = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(
        found, hostname="127.0.0.1", port=port, authenticator=found.authenticate,
        auth_required=True, auth_require_tls=False,
    )  # fmt: skip
    controller.start()
    try:
        yield found, port
    finally:
        controller.stop()


def home(tmp_path: Path, url: str) -> Settings:
    return read_settings(home=tmp_path, alerts={"urls": [url]})


def test_a_mail_arrives_when_it_begins_and_when_it_is_over(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    url = f"mailto://shop:secret@127.0.0.1:{port}/?from=lake@shop.example&to=ops@shop.example"
    settings = home(tmp_path, f"{url}&mode=insecure")
    for alerts in ([ALERT], [ALERT], [], []):
        tell(settings, alerts, now=NOW)
    assert [mail["Subject"] for mail in box.mails] == [
        "ALERT 3 hours of silver are late",
        "OVER 3 hours of silver are late",
    ]
    body = box.mails[0].get_body(("plain", "html"))
    assert body is not None and "clickstream run" in body.get_content()
    assert set(box.recipients) == {"ops@shop.example"}


def test_a_refused_mail_is_an_error_and_is_sent_by_the_next_check(
    tmp_path: Path, mailbox: tuple[Mailbox, int]
) -> None:
    box, port = mailbox
    url = f"mailto://shop:PASSWORD@127.0.0.1:{port}/?from=a@shop.example&to=b@shop.example"
    wrong = home(tmp_path, f"{url.replace('PASSWORD', 'wrong')}&mode=insecure")
    with pytest.raises(DeliveryError, match="late:silver") as refused:
        tell(wrong, [ALERT], now=NOW)
    assert "wrong" not in str(refused.value)
    tell(home(tmp_path, f"{url.replace('PASSWORD', 'secret')}&mode=insecure"), [ALERT], now=NOW)
    assert len(box.mails) == 1


def test_slack_receives_its_own_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Webhook()
    try:
        # The real plugin and a real request; only the host of Slack is another.
        monkeypatch.setattr(NotifySlack, "webhook_url", server.url.replace("json:", "http:")[:-1])
        settings = home(tmp_path, "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops")
        for alerts in ([ALERT], []):
            tell(settings, alerts, now=NOW)
    finally:
        server.server.shutdown()
        server.server.server_close()
    [begun, over] = server.messages
    assert begun["channel"] == "#ops"
    assert begun["attachments"][0]["title"] == "ALERT 3 hours of silver are late"
    assert "clickstream run" in begun["attachments"][0]["text"]
    assert over["attachments"][0]["title"] == "OVER 3 hours of silver are late"
    assert begun["attachments"][0]["color"] != over["attachments"][0]["color"]
