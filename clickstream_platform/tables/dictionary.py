"""The data dictionary, written from the contracts: `make docs` -> docs/DATA_DICTIONARY.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from inspect import cleandoc
from pathlib import Path

from clickstream_platform.settings import PROJECT_ROOT
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.contract import ColumnSpec, Table
from clickstream_platform.tables.rules import rules_of

DICTIONARY = PROJECT_ROOT / "docs" / "DATA_DICTIONARY.md"
HEAD = """# Data dictionary

Every table of the lake, written from its contract in `clickstream_platform/tables` by `make docs`;
change the contract, not this page. What the words mean is in [DEFINITIONS.md](DEFINITIONS.md).
All times are UTC; hours are keys like `2024-11-29T10`.

A rule's **action**: `reject` sends the line to `silver/quarantine`, `warn` keeps the row and counts
it, `block` keeps the whole hour out of the table. A rule passes on null; only `missing_…` rules
catch it.
**PII**: `id` names a person or browser, `network` an address, `free_text` may hold anything.
"""
WRITERS = {"spark": "PySpark", "deltalake": "delta-rs, from Arrow"}
REACHES = {
    "same": "the same hour",
    "sessions": "the hours its sessions touch",
    "orders": "the hours its orders touch",
    "all": "all hours there are",
    "none": "none; a log",
}


def dictionary(tables: Sequence[Table] = ALL) -> str:
    """The whole page as Markdown; the same contracts give the same bytes."""
    parts = [
        HEAD,
        "## Tables\n",
        _table_list(tables),
        "## Lineage\n",
        _lineage(tables),
        *(_section(table) for table in tables),
    ]
    return "\n".join(parts)


def _table_list(tables: Iterable[Table]) -> str:
    rows = [
        (
            f"[`{table.path}`](#{_anchor(table)})",
            _sentence(table.grain),
            _code(table.partition_by),
            WRITERS[table.writer],
        )
        for table in tables
    ]
    return _markdown(("table", "one row", "partition", "written by"), rows)


def _lineage(tables: Sequence[Table]) -> str:
    lines = ["```mermaid", "flowchart LR", '  landing[("landing files")]']
    for layer in dict.fromkeys(table.layer for table in tables):
        lines.append(f"  subgraph {layer}")
        lines += [f'    {_node(t.path)}["{t.name}"]' for t in tables if t.layer == layer]
        lines.append("  end")
    for table in tables:
        if table.layer == "bronze":
            lines.append(f"  landing --> {_node(table.path)}")
        lines += [f"  {_node(path)} --> {_node(table.path)}" for path in table.inputs]
    return "\n".join([*lines, "```", ""])


def _section(table: Table) -> str:
    facts = [
        ("one row", _sentence(table.grain)),
        ("keys", ", ".join(_code(key) for key in table.keys)),
        ("partition", _code(table.partition_by) or "none"),
        ("written by", WRITERS[table.writer]),
        ("owner", _code(table.owner)),
        ("inputs", ", ".join(_code(path) for path in table.inputs) or "none in the lake"),
        ("input hours that change an hour", _reach(table)),
        ("retention", _text(table.retention)),
    ]
    columns = [_column(spec) for spec in table.columns]
    rules = [(_code(rule.name), rule.action, _text(rule.explanation)) for rule in rules_of(table)]
    head = ("column", "type", "null", "unit", "PII", "meaning", "comes from")
    return "\n".join(
        [
            f"## {table.path}\n",
            cleandoc(table.model.__doc__ or "") + "\n",
            _markdown(("", ""), facts),
            _markdown(head, columns),
            f"Rules of `{table.path}`:\n",
            _markdown(("rule", "action", "what must hold"), rules),
        ]
    )


def _reach(table: Table) -> str:
    if table.reach != "day":
        return REACHES[table.reach]
    more = [
        f"{days} {'day' if days == 1 else 'days'} {side}"
        for days, side in ((table.days_before, "before"), (table.days_after, "after"))
        if days
    ]
    return " and ".join(["those of its day", *more])


def _column(spec: ColumnSpec) -> tuple[str, ...]:
    return (
        _code(spec.name),
        _code(spec.type.simpleString()),
        "yes" if spec.nullable else "no",
        spec.unit or "",
        spec.pii or "",
        _text(spec.description),
        ", ".join(_code(source) for source in spec.of),
    )


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([*_rows([head, ["---"] * len(head), *rows]), ""])


def _rows(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _text(text: str) -> str:
    """On one line, and without ending the table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _sentence(grain: str) -> str:
    return _text(grain.removeprefix("one row "))


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _anchor(table: Table) -> str:
    """As a Markdown viewer makes it from the heading: without the slash."""
    return table.path.replace("/", "").lower()


def _node(path: str) -> str:
    return path.replace("/", "_")


def write(path: Path = DICTIONARY) -> Path:
    """Writes the page to `path`."""
    path.write_text(dictionary())
    return path


if __name__ == "__main__":
    print(f"wrote {write().relative_to(PROJECT_ROOT)}")
