"""A catalogue for the tiny lake: one product and one user change at eleven, one comes late."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from clickstream_platform_tests.queries.lake_rows import at, write


def version(number: int, since: str, until: str | None, **attributes: Any) -> dict[str, Any]:
    return {
        "version_no": number,
        "valid_from": at(since),
        "valid_to": None if until is None else at(until),
        "content_hash": f"{attributes}",
        **attributes,
    }


def build(home: Path) -> None:
    asa = {"item_id": "A", "item_name": "Shoe", "item_brand": "Asa", "price": Decimal("60.00")}
    bolt = asa | {"item_brand": "Bolt", "price": Decimal("40.00")}
    write(home, "silver/products", [
        version(1, "09:00:00", "11:00:00", **asa), version(2, "11:00:00", None, **bolt),
        version(1, "10:30:00", None, item_id="B", item_brand="Late", price=Decimal(5)),
    ])  # fmt: skip
    write(home, "silver/users", [
        version(1, "09:00:00", "11:00:00", user_id="u1", segment="new", country="DE"),
        version(2, "11:00:00", None, user_id="u1", segment="vip", country="FR"),
    ])  # fmt: skip
    write(home, "silver/campaigns", [version(1, "09:00:00", None, campaign_id="c1")])
