"""Lines on their way: each waits until its arrival, then goes into the file of that time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Lines:
    """One row per line. Units: `arrival` and `time` (of the event, -1 if the line has none that
    can be read) in milliseconds; `faults` as the bits of `faults.BIT`."""

    text: list[str]
    arrival: np.ndarray
    time: np.ndarray
    faults: np.ndarray
    event_id: np.ndarray

    def __len__(self) -> int:
        return len(self.text)

    def take(self, rows: np.ndarray) -> Lines:
        return Lines(
            text=[self.text[row] for row in rows.tolist()],
            arrival=self.arrival[rows],
            time=self.time[rows],
            faults=self.faults[rows],
            event_id=self.event_id[rows],
        )


class Mailbox:
    """Holds lines until their time has come; in memory are only those not yet due."""

    def __init__(self) -> None:
        self._waiting: list[Lines] = []

    def put(self, lines: Lines) -> None:
        self._waiting.append(lines)

    def due(self, time_ms: int) -> Lines:
        """The lines that arrive before `time_ms`, by arrival; equal arrivals as they were put."""
        waiting = _joined(self._waiting)
        order = np.argsort(waiting.arrival, kind="stable")
        cut = int(np.searchsorted(waiting.arrival[order], time_ms, side="left"))
        self._waiting = [waiting.take(order[cut:])]
        return waiting.take(order[:cut])


def _joined(parts: list[Lines]) -> Lines:
    empty = np.empty(0, dtype=np.int64)
    parts = parts or [Lines([], empty, empty, empty, np.empty(0, dtype=object))]
    return Lines(
        text=[line for part in parts for line in part.text],
        arrival=np.concatenate([part.arrival for part in parts]),
        time=np.concatenate([part.time for part in parts]),
        faults=np.concatenate([part.faults for part in parts]),
        event_id=np.concatenate([part.event_id for part in parts]),
    )
