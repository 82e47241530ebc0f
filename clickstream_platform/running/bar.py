"""What the bars of long commands have in common: time left that is there when chunks take minutes.

Rich forgets steps older than 30 s, and takes the first step for the start of its clock. A chunk of
a backfill takes longer than that, so the time left would never be shown.
"""

from __future__ import annotations

from rich.progress import Progress, TaskID

LONGEST_RUN_S = 30 * 86_400.0  # the speed is that of the whole phase


def began(progress: Progress, description: str, total: int) -> TaskID:
    """A bar whose clock runs from now: its first step is enough to tell the time left."""
    task = progress.add_task(description, total=total)
    progress.advance(task, 0)
    return task
