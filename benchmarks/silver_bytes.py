"""How many bytes silver takes for a byte of raw JSON."""

from __future__ import annotations

from deltalake import DeltaTable

from benchmarks import data
from benchmarks.harness import Finding, Setting
from benchmarks.noop import built_home

TABLES = ("bronze/events", "silver/events", "silver/duplicates", "silver/quarantine")


def bench(setting: Setting) -> Finding:
    """The files in force of each table, against the landing files."""
    home = built_home(setting)
    raw = data.raw_bytes(home / "landing")
    rows = []
    silver = 0
    for path in TABLES:
        actions = DeltaTable(str(home / "lake" / path)).get_add_actions(flatten=True)
        size = sum(actions.column("size_bytes").to_pylist())
        silver += size if path.startswith("silver") else 0
        rows.append([path, f"{size / 2**20:.1f}", f"{size / raw:.3f}"])
    rows.append(["silver, all", f"{silver / 2**20:.1f}", f"{silver / raw:.3f}"])
    return Finding(
        title=f"Bytes of {setting.size:,} events in 720 hours",
        columns=("table", "MiB", "÷ raw"),
        rows=rows,
        notes=[
            f"Raw: {raw / 2**20:.1f} MiB of JSON lines. Aim: silver ÷ raw at most 0.25.",
            "Small hours compress badly: the ratio falls with events per hour.",
        ],
    )
