"""How far a build of many hours is, for whoever waits for it in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

OnHours = Callable[[int], None]
_listeners: list[OnHours] = []


@contextmanager
def listening(on_hours: OnHours) -> Iterator[None]:
    """Calls `on_hours` with the number of hours that a layer's build has just finished."""
    _listeners.append(on_hours)
    try:
        yield
    finally:
        _listeners.remove(on_hours)


def finished(hours: int) -> None:
    """Told by builds after each chunk they committed."""
    for on_hours in _listeners:
        on_hours(hours)
