"""What a rule finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Alert:
    """Something a person should know; the same trouble has the same `key` until it is over."""

    key: str
    title: str
    body: str
