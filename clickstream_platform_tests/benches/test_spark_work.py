"""A cached frame's plan is told where it is first read; elsewhere a line says where that was."""

from __future__ import annotations

from benchmarks.spark_work import shown

READS = """* Project (4)
+- InMemoryTableScan (1)
      +- InMemoryRelation (2)
            +- Range (3)"""
JOINS = """BroadcastHashJoin (9)
:- InMemoryTableScan (1)
:     +- InMemoryRelation (2)
:           +- Range (8)
+- BroadcastExchange (7)
   +- Scan (6)"""


def test_a_cached_frame_is_told_once() -> None:
    jobs = [
        {"id": number, "name": name, "stages": 1, "tasks": 2, "ms": 1500}
        for number, name in ((3, "silver/events"), (4, "gold/fact_events"))
    ]
    plans = [
        {"jobs": [3], "ms": 1600, "tree": READS},
        {"jobs": [4], "ms": 1700, "tree": JOINS},
    ]

    told = "\n".join(shown({"jobs": jobs, "plans": plans}))

    assert "2 Spark jobs, 2 stages, 4 tasks" in told
    assert "| 3 | silver/events | 1 | 2 | 1,500 |" in told
    assert READS in told
    assert told.count("Range") == 1
    assert ":           +- (cached: see job 3 (silver/events))\n+- BroadcastExchange (7)" in told
