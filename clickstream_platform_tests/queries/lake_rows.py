"""A tiny lake, written by delta-rs from the contracts: two hours, two orders, one open session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.tables.catalog import table as contract
from clickstream_platform.tables.contract import Table

TEN, ELEVEN = "2026-11-20T10", "2026-11-20T11"
EMPTY: Mapping[str, Any] = {
    "items": [],
    "warnings": [],
    "reasons": [],
    "linked_hours": [],
    "sources": [],
    "bot_signals": [],
    "guards": [],
}


def at(clock: str) -> datetime:
    """`10:05:00` on the day of the tests."""
    return datetime.fromisoformat(f"2026-11-20T{clock}").replace(tzinfo=UTC)


def warning(hour: str, kind: str, severity: str, lines: int, **more: Any) -> dict[str, Any]:
    row = {"home_hour": hour, "source": "shop", "type": kind, "severity": severity, "lines": lines}
    return {**row, "sample_file": "f@1", "sample_offset": 0, "remedy": f"Fix {kind}.", **more}


def write(
    home: Path, path: str, rows: Sequence[Mapping[str, Any]], *, mode: str = "append"
) -> None:
    """Appends literal rows to `layer/name`; columns that a row leaves out are null."""
    table: Table = contract(path)
    content = pa.Table.from_pylist(
        [{**{k: v for k, v in EMPTY.items() if k in table.column_names}, **row} for row in rows],
        schema=table.arrow_schema,
    )
    write_deltalake(
        str(home / "lake" / table.layer / table.name),
        content,
        mode=mode,  # type: ignore[arg-type]
        partition_by=[table.partition_by] if table.partition_by else None,
    )


def item(
    item_id: str, category: str | None, price: str, quantity: int | None = 1
) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "item_category": category,
        "price": Decimal(price),
        "quantity": quantity,
    }


def event(
    number: int, name: str, clock: str, visitor: str, *items: dict[str, Any]
) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "id_scope": "shop",
        "event_name": name,
        "event_timestamp": at(clock),
        "event_hour": f"2026-11-20T{clock[:2]}",
        "visitor_id": visitor,
        "user_id": f"user-{visitor}",
        "items": list(items),
        "source": "shop",
    }


def session(name: str, start: str, end: str, **counts: Any) -> dict[str, Any]:
    zeros = dict.fromkeys(("page_views", "view_items", "add_to_carts", "purchases"), 0)
    return {
        "session_id": name,
        "visitor_id": name,
        "event_hour": f"2026-11-20T{start[:2]}",
        "started_at": at(start),
        "ended_at": at(end),
        "duration_s": (at(end) - at(start)).total_seconds(),
        "event_count": 2,
        "landing_page": "/",
        "is_engaged": False,
        **zeros,
        **counts,
    }


def state(hour: str, newest: str | None, recorded: str, **rest: Any) -> dict[str, Any]:
    return {
        "table": "silver/events",
        "hour": hour,
        "version": 0,
        "input_version": 0,
        "row_count": 1,
        "is_stale": False,
        "run_id": "r",
        "max_event_at": None if newest is None else at(newest),
        "recorded_at": at(recorded),
        **rest,
    }


def result(  # noqa: PLR0917 (a row of literals)
    table: str, hour: str, rule: str, action: str, failed: int, recorded: str
) -> dict[str, Any]:
    return {
        "table": table,
        "hour": hour,
        "check": "contract",
        "rule": rule,
        "action": action,
        "rows_checked": 10,
        "failed_count": failed,
        "passed": failed == 0,
        "run_id": recorded,
        "recorded_at": at(recorded),
    }


def cost(table: str, hour: str, cpu_s: float, files: int, size: int) -> dict[str, Any]:
    return {"table": table, "hour": hour, "rows": 1, "cpu_s": cpu_s, "written_files": files,
            "written_bytes": size, "run_id": f"{hour}{cpu_s}",
            "recorded_at": at("12:00:00")}  # fmt: skip


def humans(rows: Sequence[Mapping[str, Any]], **fewer: Any) -> list[dict[str, Any]]:
    """The rows of all traffic, and those of humans alone, in which `fewer` differs."""
    return [
        *({**row, "traffic": "all"} for row in rows),
        *({**row, "traffic": "human", **fewer} for row in rows),
    ]


def window(start: str, product: str | None, revenue: str, units: int) -> dict[str, Any]:
    hour = f"2026-11-20T{start[:2]}"
    category = None if product is None else "shoes"
    return {
        "event_hour": hour,
        "window_start": at(f"{start}:00"),
        "window_end": at(f"{start[:3]}{int(start[3:]) + 5:02d}:00"),
        "currency": "USD",
        "item_category": category,
        "item_id": product,
        "orders": 1,
        "units": units,
        "revenue": Decimal(revenue),
    }


def order(number: int, clock: str, value: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {
        "order_id": f"o{number}",
        "id_scope": "shop",
        "event_id": f"e{number}",
        "visitor_id": f"v{number}",
        "ordered_at": at(clock),
        "event_hour": f"2026-11-20T{clock[:2]}",
        "value": Decimal(value),
        "currency": "USD",
        "item_count": len(items),
        "units": sum(i["quantity"] for i in items),
        "items": list(items),
    }


def person(kind: str, name: str, person_id: str, ids: int, *guards: str) -> dict[str, Any]:
    return {
        "id_kind": kind, "id": name, "person_id": person_id, "person_ids": ids, "links": 1,
        "guards": list(guards), "is_blocked": False,
    }  # fmt: skip


def steps(
    hour: str, counts: Sequence[int], unit: str = "session", mode: str = "any"
) -> list[dict[str, Any]]:
    names = ("view_item", "add_to_cart", "begin_checkout", "purchase")
    start = at(f"{hour[-2:]}:00:00")
    return [
        {
            "event_hour": hour,
            "window_start": start,
            "window_end": start.replace(minute=10),
            "unit": unit,
            "mode": mode,
            "step_no": number,
            "step": name,
            "sessions_at_step": count + 1,
            "sessions_through_step": count,
        }
        for number, (name, count) in enumerate(zip(names, counts, strict=True), start=1)
    ]


def build(home: Path) -> Settings:
    """The lake; its newest accepted event is at 11:07:00."""
    a, b = item("A", "shoes", "20.00"), item("B", "shoes", "5.00", 2)
    write(home, "gold/fact_events", [
        event(1, "view_item", "10:01:00", "v1", a, a),
        event(2, "view_item", "10:02:00", "v2", a, b),
        event(3, "purchase", "10:03:00", "v1", a, b),
        event(4, "purchase", "11:05:00", "v2", a),
    ])  # fmt: skip
    write(home, "gold/bot_visitors_hourly", [])  # a build writes it with the sessions
    write(home, "gold/fact_transactions", [
        order(3, "10:03:00", "30.00", a, a | {"quantity": 0}, b), order(4, "11:05:00", "20.50", a),
    ])  # fmt: skip
    write(home, "gold/revenue_5min", humans([
        window("10:00", "A", "20.00", 1), window("10:00", "B", "10.00", 2),
        window("11:00", "A", "20.00", 1), window("11:05", None, "0.50", 0),
    ]))  # fmt: skip
    walked = [
        *steps(TEN, (4, 2, 2, 1)), *steps(ELEVEN, (4, 0, 0, 0)),
        *steps(TEN, (4, 1, 1, 0), mode="strict"), *steps(TEN, (3, 2, 0, 0), "user", "ordered"),
    ]  # fmt: skip
    write(home, "gold/funnel_10min", humans(walked, sessions_at_step=1, sessions_through_step=1))
    write(home, "gold/fact_sessions", [
        session("bought", "10:01:00", "10:03:00", purchases=1, add_to_carts=1, is_engaged=True,
                visitor_id="v3"),
        session("left", "10:20:00", "10:36:59", add_to_carts=1),
        session("on_limit", "10:30:00", "10:37:00", add_to_carts=1),
        session("open", "11:00:00", "11:07:00", add_to_carts=1, landing_page=None),
    ])  # fmt: skip
    write(home, "gold/people", [
        person("visitor", "left", "pat", 3), person("visitor", "on_limit", "pat", 3),
        person("user", "pat", "pat", 3), person("visitor", "kiosk", "kiosk", 1, "shared_device"),
    ])  # fmt: skip
    write(home, "gold/hourly_metrics", humans([
        {"event_hour": TEN, "events": 3, "visitors": 2, "sessions_started": 3, "orders": 1,
         "revenue": Decimal("30.00"), "orders_other_currency": 0},
        {"event_hour": ELEVEN, "events": 1, "visitors": 1, "sessions_started": 1, "orders": 1,
         "revenue": Decimal("20.50"), "orders_other_currency": 0},
    ], events=1))  # fmt: skip
    write(home, "silver/events", [
        event(1, "view_item", "10:01:00", "v1") | {"warnings": ["no_visitor", "unparsable_price"]},
        event(2, "view_item", "10:02:00", "v2") | {"warnings": ["unparsable_price"]},
    ])  # fmt: skip
    write(home, "silver/quarantine", [
        {"source": "shop", "event_hour": TEN, "reasons": ["negative_price", "missing_event_id"]},
        {"source": "shop", "event_hour": ELEVEN, "reasons": ["negative_price"]},
    ])  # fmt: skip
    repeat = {"source": "shop", "event_hour": TEN, "id_scope": "shop", "event_id": "e1"}
    write(home, "silver/duplicates", [repeat, repeat])
    write(home, "ops/conservation_ledger", [
        {"ingest_hour": TEN, "home_hour": TEN, "source": "shop", "lines": 8, "accepted": 3,
         "duplicates": 2, "quarantined": 1, "pending": 1},
        {"ingest_hour": ELEVEN, "home_hour": ELEVEN, "source": "shop", "lines": 2, "accepted": 1,
         "duplicates": 0, "quarantined": 1, "pending": 0},
    ])  # fmt: skip
    write(home, "ops/ingestion_warnings", [
        warning(TEN, "negative_price", "error", 2), warning(TEN, "no_visitor", "warn", 1),
        warning(TEN, "unparsable_price", "warn", 2), warning(TEN, "duplicate", "info", 2),
        warning(ELEVEN, "unparsable_price", "warn", 1, sample_offset=9),
    ])  # fmt: skip
    write(home, "ops/lateness_hourly", [
        {"ingest_hour": TEN, "home_hour": TEN, "source": "shop", "lines": 6, "hours_late": 0,
         "lateness_p50_s": 0, "lateness_p95_s": 9, "lateness_max_s": 9},
        {"ingest_hour": ELEVEN, "home_hour": TEN, "source": "shop", "lines": 3, "hours_late": 1,
         "lateness_p50_s": 60, "lateness_p95_s": 99, "lateness_max_s": 100},
        {"ingest_hour": ELEVEN, "home_hour": ELEVEN, "source": "shop", "lines": 3, "hours_late": 0,
         "lateness_p50_s": 0, "lateness_p95_s": 0, "lateness_max_s": 0},
    ])  # fmt: skip
    write(home, "ops/hour_state", [
        state(ELEVEN, "11:59:00", "12:00:00"), state(ELEVEN, "11:07:00", "12:01:00"),
        state(TEN, "10:40:00", "12:00:00"),
        state(TEN, "23:00:00", "12:02:00", blocked_by="max_reject_rate"),
        state(TEN, "23:30:00", "12:03:00", table="bronze/events"),
    ])  # fmt: skip
    write(home, "ops/dq_results", [
        result("silver/events", TEN, "unique", "block", 3, "12:00:00"),
        result("silver/events", TEN, "unique", "block", 0, "12:01:00"),
        result("silver/events", ELEVEN, "unique", "block", 2, "12:01:00"),
        result("silver/events", TEN, "no_visitor", "warn", 1, "12:00:00"),
        result("silver/quarantine", TEN, "negative_price", "reject", 5, "12:00:00"),
        result("gold/fact_sessions", TEN, "unique", "block", 0, "12:00:00"),
    ])  # fmt: skip
    write(home, "ops/cost_hourly", [
        cost("silver/events", TEN, 6.0, 1, 4000), cost("silver/events", ELEVEN, 2.0, 1, 1000),
        cost("silver/events", ELEVEN, 1.0, 0, 0), cost("gold/rfm_scores", "all", 3.0, 1, 500),
    ])  # fmt: skip
    return read_settings(home=home)
