"""One message when an alert begins, a reminder while it stands, one when it is over.

Data: `<home>/state/alerts.json` holds what people were told, so that a sensor, cron and a person
who check the same home tell a thing once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import apprise
from filelock import FileLock

from clickstream_platform.errors import EnvironmentProblemError, UsageError
from clickstream_platform.monitoring.alert import Alert
from clickstream_platform.settings import Settings

FILE = "alerts.json"


class DeliveryError(EnvironmentProblemError):
    """A message reached none or not all of its addresses; it is tried again at the next check."""


@dataclass(frozen=True)
class Told:
    """What people know of an alert."""

    title: str
    since: str
    told_at: str


@dataclass(frozen=True)
class News:
    """What is to be told: alerts that began or stand for long, and keys that are over."""

    begun: tuple[Alert, ...]
    reminders: tuple[Alert, ...]
    over: tuple[str, ...]


def news(
    alerts: Sequence[Alert], known: Mapping[str, Told], *, now: datetime, remind_after_s: int
) -> News:
    """The difference between what holds and what people know."""
    due = now - timedelta(seconds=remind_after_s)
    standing = {alert.key for alert in alerts}
    return News(
        begun=tuple(alert for alert in alerts if alert.key not in known),
        reminders=tuple(
            alert
            for alert in alerts
            if alert.key in known and datetime.fromisoformat(known[alert.key].told_at) <= due
        ),
        over=tuple(key for key in known if key not in standing),
    )


def tell(settings: Settings, alerts: Sequence[Alert], *, now: datetime) -> News:
    """Sends what is new and remembers what was sent.

    Guarantees: what could not be sent is not remembered, and so is sent by the next check.
    Raises: UsageError for an address Apprise cannot read, DeliveryError after trying all.
    """
    send = sender(settings.alerts.urls)
    settings.state.mkdir(parents=True, exist_ok=True)
    with FileLock(settings.state / f"{FILE}.lock", timeout=60):
        path = settings.state / FILE
        known = _read(path)
        found = news(alerts, known, now=now, remind_after_s=settings.alerts.remind_after_s)
        failed = []
        for alert in (*found.begun, *found.reminders):
            if send(f"ALERT {alert.title}", alert.body, False):
                since = known[alert.key].since if alert.key in known else now.isoformat()
                known[alert.key] = Told(alert.title, since, now.isoformat())
            else:
                failed.append(alert.key)
        for key in found.over:
            told = known[key]
            if send(f"OVER {told.title}", f"It began {told.since}.", True):
                del known[key]
            else:
                failed.append(key)
        _write(path, known)
    if failed:
        raise DeliveryError(
            f"Not delivered: {', '.join(failed)}. Check `alerts.urls`; the next check tries again."
        )
    return found


def sender(urls: Sequence[str]) -> Any:
    """A function (title, body, is_over) that is true if every address took the message.

    Raises: UsageError naming the place of the wrong address, not the address: it holds secrets.
    """
    if not urls:
        return _to_stderr
    notifier = apprise.Apprise()
    for at, url in enumerate(urls):
        if not notifier.add(url):
            raise UsageError(
                f"alerts.urls[{at}] is no address Apprise knows; write it like json://host/path, "
                "mailtos://user:password@host or slack://token."
            )

    def send(title: str, body: str, is_over: bool) -> bool:
        kind = apprise.NotifyType.SUCCESS if is_over else apprise.NotifyType.FAILURE
        return bool(notifier.notify(title=title, body=body, notify_type=kind))

    return send


def _to_stderr(title: str, body: str, is_over: bool) -> bool:
    del is_over
    print(f"{title}\n  {body}", file=sys.stderr)
    return True


def _read(path: Path) -> dict[str, Told]:
    if not path.is_file():
        return {}
    return {key: Told(**value) for key, value in json.loads(path.read_text()).items()}


def _write(path: Path, known: Mapping[str, Told]) -> None:
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps({key: asdict(told) for key, told in known.items()}, indent=1))
    unfinished.replace(path)
