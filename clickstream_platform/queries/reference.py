"""docs/METRICS.md: every metric and every named question, from where they are defined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clickstream_platform.queries.named import is_published, named_queries
from clickstream_platform.settings import PROJECT_ROOT
from clickstream_platform.tables.metrics import METRICS

PAGE = PROJECT_ROOT / "docs" / "METRICS.md"
_HEAD = """# Metrics and questions

Written by `make docs` from `clickstream_platform/tables/metrics.py` and
`clickstream_platform/queries/sql/`; change those, not this page. The tables and views that are read
stand in the [data dictionary](DATA_DICTIONARY.md) and in `clickstream_platform/queries/views/`.

## Metrics
A ratio whose denominator is 0 is null. Robots are in or out as the question says, never half.
"""
_QUESTIONS = """
## Questions
`clickstream query NAME [--param name=value]` answers from the lake; those marked also with
`--on postgres`, by the same SQL.
"""


def page() -> str:
    """The page's text."""
    metrics = [
        (f"`{m.name}`", m.meaning, f"`{m.formula}`", m.grain, m.unit) for m in METRICS.values()
    ]
    questions = [
        (
            f"`{q.name}`",
            q.description,
            ", ".join(f"`{param}`" for param in q.usage),
            ", ".join(q.tables),
            ", ".join(q.metrics),
            "yes" if is_published(q) else "",
        )
        for q in named_queries().values()
    ]
    return "\n".join(
        (
            _HEAD,
            _table(("metric", "meaning", "formula", "grain", "unit"), metrics),
            _QUESTIONS,
            _table(
                ("question", "answers", "parameters", "reads", "metrics", "PostgreSQL"), questions
            ),
            "",
        )
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def write(path: Path = PAGE) -> None:
    """Writes the page."""
    path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
