"""A home of eleven lines with every table written out by hand, without the pipeline."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from deltalake import write_deltalake

from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.conflicts import TRANSACTION_CONFLICTS
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.gold import (
    FACT_EVENTS,
    FACT_SESSIONS,
    FACT_TRANSACTIONS,
    FUNNEL_10MIN,
    HOURLY_METRICS,
    REVENUE_5MIN,
)
from clickstream_platform.tables.lateness import LATENESS_HOURLY
from clickstream_platform.tables.ops import CONSERVATION_LEDGER, HOUR_STATE
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform.tables.warnings import INGESTION_WARNINGS

Row = dict[str, Any]
TEN, ELEVEN = "2024-11-29T10", "2024-11-29T11"
NULL = "\\N"

E1 = (
    b'{"event_id":"e1","timestamp":"2024-11-29T10:59:00Z","event_type":"page_view",'
    b'"user_id":"uA","page_url":"/a?gclid=1","referrer":"https://t.co/x",'
    b'"user_agent":"curl/8.1"}'
)
E2 = (
    b'{"event_id":"e2","timestamp":"2024-11-29T11:01:00Z","event_type":"product_view",'
    b'"user_id":"uA","product_id":"p1","price":10,"color":"red"}'
)
BROKEN = b'{"event_id":'
E3 = (
    b'{"event_id":"e3","timestamp":"2024-11-29T10:10:00Z","event_type":"add_to_cart",'
    b'"anonymous_id":"b","product_id":"p1"}'
)
E3_LATER = E3.replace(b"10:10:00", b"10:12:00")
E4 = (
    b'{"event_id":"e4","timestamp":"2024-11-29T11:03:00Z","event_type":"purchase",'
    b'"user_id":"uA","product_id":"p1","category":"c","price":10.00,"quantity":2,'
    b'"currency":"usd","transaction_id":"t1"}'
)
E5 = E4.replace(b'"e4"', b'"e5"').replace(b"11:03:00", b"11:20:00")
E6 = b'{"event_id":"e6","timestamp":"2024-11-29T11:30:00Z","event_type":"page_view"}'
UNFINISHED = b'{"event_id":"e7","times'
CSV_HEADER = "UserID,SessionID,Timestamp,EventType,ProductID,Amount,Outcome"
CSV_LINE = b'u9,"s\n1",2024-11-29 11:07:00,purchase,p2,5.5,success'

JSON_LINES = b"\n".join([E1, E2, E1, BROKEN, b"", E3, E3_LATER]) + b"\r\n"
# Stored, not deflated, so that cutting the archive cuts the text at a known place.
_WHOLE = b"\n".join([E4, E5, E6, UNFINISHED + b'tamp":"x"}\n'])
TRUNCATED_GZ = gzip.compress(_WHOLE, compresslevel=0, mtime=0)[: 15 + _WHOLE.index(b'tamp":"x"')]
CSV = CSV_HEADER.encode() + b"\r\n" + CSV_LINE + b"\r\n"


def address(path: str, content: bytes) -> str:
    return f"{path}@{hashlib.sha256(content).hexdigest()[:8]}"


FILE_A = address(f"shop_json/{TEN}/a.jsonl", JSON_LINES)
FILE_B = address(f"shop_json/{ELEVEN}/b.jsonl.gz", TRUNCATED_GZ)
FILE_C = address("transactions_csv/c.csv", CSV)


def md5(*texts: str) -> str:
    return hashlib.md5("\x1f".join(texts).encode(), usedforsecurity=False).hexdigest()


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2024-11-29T{clock}").replace(tzinfo=UTC)


def item(item_id: str, price: str | None = None, **more: object) -> Row:
    blank = dict.fromkeys(("item_name", "item_brand", "item_category", "quantity"))
    amount = None if price is None else Decimal(price)
    return {"item_id": item_id, **blank, "price": amount, **more}


def fingerprint(event: Row) -> str:
    """The definition's 16 texts, written out for the few columns these rows fill."""
    items = "\x1d".join(
        "\x1e".join(
            NULL if piece[name] is None else str(piece[name])
            for name in ("item_id", "item_name", "item_brand", "item_category", "price", "quantity")
        )
        for piece in event["items"]
    )
    microseconds = str(int(event["event_timestamp"].timestamp()) * 1_000_000)
    names = ("user_id", "anonymous_id", "client_session_id", "page_location", "page_referrer",
             "user_agent", "ip_anonymised")  # fmt: skip
    last = ("value", "currency", "transaction_id", "outcome", "experiment_id", "variant_id",
            "page_title", "geo_country", "geo_region", "geo_city", "tax", "shipping", "coupon",
            "consent_state", "client_timestamp")  # fmt: skip
    texts = [event["event_name"], microseconds]
    texts += [NULL if event.get(n) is None else str(event[n]) for n in names]
    texts += [items]
    texts += [NULL if event.get(n) is None else str(event[n]) for n in last]
    return md5(*texts)[:16]


def event(event_id: str, name: str, clock: str, place: tuple[str, int], **more: object) -> Row:
    moment = at(clock)
    source = place[0].split("/", maxsplit=1)[0]
    visitor = more.get("anonymous_id") or more.get("user_id")
    row = {
        "event_id": event_id, "id_scope": source, "event_name": name, "event_timestamp": moment,
        "event_hour": f"2024-11-29T{clock[:2]}", "event_date": moment.date(),
        "hour_of_day": moment.hour, "is_weekend": False, "visitor_id": visitor, "items": [],
        "is_high_value": False, "is_declared_bot": False, "enrichment_version": 1,
        "warnings": [], "reused_id_lines": 0, "source": source, "source_version": 1,
        "source_file": place[0], "source_offset": place[1],
        "ingest_hour": TEN if place[0] == FILE_A else ELEVEN, "run_id": "r", **more,
    }  # fmt: skip
    return {**row, "event_fingerprint": fingerprint(row)}


P1 = item("p1", "10.00", item_category="c", quantity=2)
ORDER = {"user_id": "uA", "items": [P1], "value": Decimal("20.00"), "currency": "USD",
         "transaction_id": "t1"}  # fmt: skip
CSV_ID = md5("u9", "s\n1", "2024-11-29 11:07:00", "purchase", "p2", "5.5", "success")
CAME = {"browser_name": "curl", "device_category": "bot", "is_declared_bot": True,
        "refr_source": "x", "channel_group": "Paid Search"}  # fmt: skip
EVENTS = [
    event("e1", "page_view", "10:59:00", (FILE_A, 0), user_id="uA", user_agent="curl/8.1",
          page_location="/a?gclid=1", page_referrer="https://t.co/x", page_path="/a",
          mkt_clickid="1", mkt_network="Google", refr_medium="social", **CAME),
    event("e2", "view_item", "11:01:00", (FILE_A, 1), user_id="uA", items=[item("p1", "10.00")],
          value=Decimal("10.00"), rescued_data='{"color": "red"}', warnings=["undeclared_fields"]),
    event("e3", "add_to_cart", "10:10:00", (FILE_A, 4), anonymous_id="b", items=[item("p1")],
          reused_id_lines=1),
    event("e4", "purchase", "11:03:00", (FILE_B, 0), **ORDER),
    event("e5", "purchase", "11:20:00", (FILE_B, 1), **ORDER),
    event("e6", "page_view", "11:30:00", (FILE_B, 2), warnings=["no_visitor"]),
    event(CSV_ID, "purchase", "11:07:00", (FILE_C, 0), user_id="u9", client_session_id="s\n1",
          items=[item("p2", "5.50")], value=Decimal("5.50"), outcome="success"),
]  # fmt: skip
_LATER = event("e3", "add_to_cart", "10:12:00", (FILE_A, 5), anonymous_id="b", items=[item("p1")])


def bronze(place: tuple[str, int], raw: bytes, home_hour: str, **more: object) -> Row:
    return {
        "source": place[0].split("/", maxsplit=1)[0], "source_file": place[0],
        "source_offset": place[1], "raw": raw, "home_hour": home_hour,
        "ingest_hour": TEN if place[0] == FILE_A else ELEVEN, "ingested_at": at("12:00:00"),
        "run_id": "r", **more,
    }  # fmt: skip


BRONZE = [
    bronze((FILE_A, 0), E1, TEN),
    bronze((FILE_A, 1), E2, ELEVEN),
    bronze((FILE_A, 2), E1, TEN),
    bronze((FILE_A, 3), BROKEN, TEN),
    bronze((FILE_A, 4), E3, TEN),
    bronze((FILE_A, 5), E3_LATER, TEN),
    bronze((FILE_B, 0), E4, ELEVEN, enqueued_at=at("11:30:00")),
    bronze((FILE_B, 1), E5, ELEVEN, enqueued_at=at("12:00:05.999999")),
    bronze((FILE_B, 2), E6, ELEVEN, enqueued_at=at("12:00:09")),
    bronze((FILE_B, 3), UNFINISHED, ELEVEN, damage="archive_truncated", enqueued_at=at("12:00:09")),
    bronze((FILE_C, 0), CSV_LINE, ELEVEN, header=CSV_HEADER),
]
DUPLICATES = [
    {
        **{k: EVENTS[0][k] for k in ("source", "ingest_hour", "event_hour", "id_scope", "event_id",
                                     "event_timestamp", "event_fingerprint", "run_id")},
        "source_file": FILE_A, "source_offset": 2,
        "accepted_source_file": FILE_A, "accepted_source_offset": 0,
    }
]  # fmt: skip


def rejected(place: tuple[str, int], raw: bytes, hour: str, reason: str, **more: object) -> Row:
    line = bronze(place, raw, hour)
    kept = {k: line[k] for k in ("source", "source_file", "source_offset", "ingest_hour", "raw")}
    return {
        **kept,
        "event_hour": hour,
        "reasons": [reason],
        "source_version": 1,
        "rules_version": 2,
        "run_id": "r",
        **more,
    }


QUARANTINE = [
    rejected((FILE_A, 3), BROKEN, TEN, "malformed_line"),
    rejected((FILE_A, 5), E3_LATER, TEN, "event_id_collision", event_id="e3",
             event_name="add_to_cart", event_timestamp=at("10:12:00"),
             event_fingerprint=_LATER["event_fingerprint"],
             winner_fingerprint=EVENTS[2]["event_fingerprint"]),
    rejected((FILE_B, 3), UNFINISHED, ELEVEN, "archive_truncated"),
]  # fmt: skip

SESSION_A = md5("uA", "shop_json", "e1", EVENTS[0]["event_hour"])
SESSION_B = md5("b", "shop_json", "e3", EVENTS[2]["event_hour"])
SESSION_9 = md5("u9", "transactions_csv", CSV_ID, "2024-11-29T11")
PLACES = {"e1": (SESSION_A, 1), "e2": (SESSION_A, 2), "e4": (SESSION_A, 3), "e5": (SESSION_A, 4),
          "e3": (SESSION_B, 1), CSV_ID: (SESSION_9, 1), "e6": (None, None)}  # fmt: skip
FACTS = [
    {**row, "session_id": PLACES[row["event_id"]][0], "event_sequence": PLACES[row["event_id"]][1]}
    for row in EVENTS
]


def order(row: Row, units: int) -> Row:
    kept = ("transaction_id", "id_scope", "event_id", "event_hour", "visitor_id", "user_id",
            "value", "currency", "items", "is_high_value")  # fmt: skip
    return {
        **{name: row.get(name) for name in kept}, "ordered_at": row["event_timestamp"],
        "order_id": md5(row["id_scope"], row["event_id"], row["event_hour"]),
        "item_count": 1, "units": units,
    }  # fmt: skip


ORDERS = [order(EVENTS[3], 2), order(EVENTS[6], 1)]


def session(session_id: str, visitor: str, hour: str, start: str, end: str, **more: object) -> Row:
    counts = dict.fromkeys(("page_views", "unique_page_views", "view_items", "add_to_carts",
                            "begin_checkouts", "purchases", "products_viewed", "categories_viewed",
                            "client_sessions"), 0)  # fmt: skip
    return {
        "session_id": session_id, "visitor_id": visitor, "event_hour": hour,
        "started_at": at(start), "ended_at": at(end),
        "duration_s": (at(end) - at(start)).total_seconds(), "event_count": 1, **counts,
        "transaction_revenue": Decimal("0.00"), "is_engaged": False, "engaged_time_s": 0.0, **more,
    }  # fmt: skip


SESSIONS = [
    session(SESSION_A, "uA", TEN, "10:59:00", "11:20:00", user_id="uA", event_count=4,
            page_views=1, unique_page_views=1, view_items=1, products_viewed=1, purchases=1,
            engaged_time_s=180.0, entered_checkout_at_step="purchase",
            transaction_revenue=Decimal("20.00"), landing_page="/a?gclid=1",
            exit_page="/a?gclid=1", is_engaged=True, **CAME),
    session(SESSION_B, "b", TEN, "10:10:00", "10:10:00", add_to_carts=1),
    session(SESSION_9, "u9", ELEVEN, "11:07:00", "11:07:00", user_id="u9", purchases=1,
            client_session_id="s\n1", client_sessions=1, entered_checkout_at_step="purchase",
            transaction_revenue=Decimal("5.50"), is_engaged=True),
]  # fmt: skip


def in_both(rows: list[Row]) -> list[Row]:
    """The same of all traffic and of humans, where nobody is a robot."""
    return [{**row, "traffic": kind} for row in rows for kind in ("all", "human")]


REVENUE = [
    {"event_hour": ELEVEN, "window_start": at("11:00:00"), "window_end": at("11:05:00"),
     "currency": "USD", "item_category": "c", "item_id": "p1", "orders": 1, "units": 2,
     "revenue": Decimal("20.00")},
    {"event_hour": ELEVEN, "window_start": at("11:05:00"), "window_end": at("11:10:00"),
     "currency": None, "item_category": None, "item_id": "p2", "orders": 1, "units": 1,
     "revenue": Decimal("5.50")},
]  # fmt: skip
STEPS = ("view_item", "add_to_cart", "begin_checkout", "purchase")


def window(start: str, end: str, at_step: tuple[int, ...], through: tuple[int, ...]) -> list[Row]:
    """Four rows; no window of this home has visitors in two steps' order but the first."""
    return [
        {"event_hour": f"2024-11-29T{start[:2]}", "window_start": at(start), "window_end": at(end),
         "step_no": n + 1, "step": STEPS[n], "sessions_at_step": at_step[n],
         "sessions_through_step": through[n],
         "step_rate": None if n == 0 or through[n - 1] == 0 else through[n] / through[n - 1],
         "overall_rate": None if through[0] == 0 else through[n] / through[0]}
        for n in range(4)
    ]  # fmt: skip


def of_units(rows: list[Row]) -> list[Row]:
    """The same by visitor and by user, in all modes: nobody has two accounts or steps in order."""
    return [
        {**row, "unit": unit, "mode": mode}
        for row in rows for unit in ("session", "user") for mode in ("any", "ordered", "strict")
    ]  # fmt: skip


# At ten uA says it is a robot, at eleven not.
FUNNEL = of_units([
    *in_both([
        *window("10:10:00", "10:20:00", (0, 1, 0, 0), (0, 0, 0, 0)),
        *window("11:00:00", "11:10:00", (1, 0, 0, 2), (1, 0, 0, 0)),
        *window("11:20:00", "11:30:00", (0, 0, 0, 1), (0, 0, 0, 0)),
    ]),
    *({**row, "traffic": "all"}
      for row in window("10:50:00", "11:00:00", (0, 0, 0, 0), (0, 0, 0, 0))),
])  # fmt: skip
METRICS = in_both([
    {"event_hour": TEN, "hour_start": at("10:00:00"), "events": 2, "visitors": 2, "users": 1,
     "page_views": 1, "view_items": 0, "add_to_carts": 1, "sessions_started": 2, "orders": 0,
     "revenue": Decimal("0.00"), "orders_other_currency": 0},
    {"event_hour": ELEVEN, "hour_start": at("11:00:00"), "events": 5, "visitors": 2, "users": 2,
     "page_views": 1, "view_items": 1, "add_to_carts": 0, "sessions_started": 1, "orders": 2,
     "revenue": Decimal("25.50"), "orders_other_currency": 0},
])  # fmt: skip
METRICS[1] |= {"events": 1, "visitors": 1, "users": 0, "page_views": 0, "sessions_started": 1}


def ledger(ingest: str, home: str, source: str, counts: tuple[int, int, int, int]) -> Row:
    names = ("lines", "accepted", "duplicates", "quarantined")
    return {"ingest_hour": ingest, "home_hour": home, "source": source, "run_id": "r",
            **dict(zip(names, counts, strict=True)), "pending": 0}  # fmt: skip


LEDGER = [
    ledger(TEN, TEN, "shop_json", (5, 2, 1, 2)),
    ledger(TEN, ELEVEN, "shop_json", (1, 1, 0, 0)),
    ledger(ELEVEN, ELEVEN, "shop_json", (4, 3, 0, 1)),
    ledger(ELEVEN, ELEVEN, "transactions_csv", (1, 1, 0, 0)),
]
WARNINGS = [
    {"home_hour": hour, "source": "shop_json", "type": name, "severity": severity, "lines": 1,
     "sample_file": file, "sample_offset": offset, "remedy": "Look."}
    for hour, name, severity, file, offset in [
        (TEN, "malformed_line", "error", FILE_A, 3),
        (TEN, "event_id_collision", "error", FILE_A, 5),
        (ELEVEN, "archive_truncated", "error", FILE_B, 3), (TEN, "duplicate", "info", FILE_A, 2),
        (ELEVEN, "undeclared_fields", "warn", FILE_A, 1), (ELEVEN, "no_visitor", "warn", FILE_B, 2),
    ]
]  # fmt: skip
LATENESS = [
    {"ingest_hour": ingest, "home_hour": home, "source": source, "lines": lines,
     "hours_late": late, "lateness_p50_s": p50, "lateness_p95_s": p95, "lateness_max_s": p95}
    for ingest, home, source, lines, late, p50, p95 in [
        (TEN, TEN, "shop_json", 5, 0, None, None), (TEN, ELEVEN, "shop_json", 1, -1, None, None),
        (ELEVEN, ELEVEN, "shop_json", 4, 0, 5, 9),
        (ELEVEN, ELEVEN, "transactions_csv", 1, 0, None, None),
    ]
]  # fmt: skip
CONTENT: list[tuple[Table, list[Row]]] = [
    (BRONZE_EVENTS, BRONZE),
    (SILVER_EVENTS, EVENTS),
    (SILVER_DUPLICATES, DUPLICATES),
    (SILVER_QUARANTINE, QUARANTINE),
    (FACT_EVENTS, FACTS),
    (FACT_TRANSACTIONS, ORDERS),
    (TRANSACTION_CONFLICTS, []),
    (FACT_SESSIONS, SESSIONS),
    (REVENUE_5MIN, in_both(REVENUE)),
    (FUNNEL_10MIN, FUNNEL),
    (HOURLY_METRICS, METRICS),
    (CONSERVATION_LEDGER, LEDGER),
    (INGESTION_WARNINGS, WARNINGS),
    (LATENESS_HOURLY, LATENESS),
]


def state(table: str, hour: str, **more: object) -> Row:
    return {
        "table": table, "hour": hour, "version": 0, "input_version": 0, "reach_from": TEN,
        "reach_to": ELEVEN, "linked_hours": [], "sources": ["shop_json"], "row_count": 1,
        "code_version": "c", "is_stale": False, "run_id": "r",
        "recorded_at": at("12:00:00"), **more,
    }  # fmt: skip


def write(
    settings: Settings,
    table: Table,
    rows: list[Row],
    mode: Literal["append", "overwrite"] = "append",
) -> None:
    names = set(table.column_names)
    kept = [{name: value for name, value in row.items() if name in names} for row in rows]
    write_deltalake(
        str(settings.lake / table.path),
        pa.Table.from_pylist(kept, schema=table.arrow_schema),
        mode=mode,
        partition_by=[table.partition_by] if table.partition_by else None,
    )


def write_landing(home: Path) -> None:
    for name, content in ((FILE_A, JSON_LINES), (FILE_B, TRUNCATED_GZ), (FILE_C, CSV)):
        path = home / "landing" / name.split("@")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def build(home: Path) -> Settings:
    """The whole home, proven by hand."""
    settings = read_settings(home=home)
    write_landing(home)
    for table, rows in CONTENT:
        write(settings, table, rows)
    states = [
        state(table.path, hour)
        for table, _ in CONTENT
        if table.layer in ("bronze", "silver", "gold")
        for hour in (TEN, ELEVEN)
    ]
    write(settings, HOUR_STATE, states)
    return settings
