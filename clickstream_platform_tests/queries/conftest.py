"""One tiny lake for all tests of the folder, which only read it, and one generated shop, built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.generator.options import Options
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.settings import Settings
from clickstream_platform_tests.homes import bring_up_all, json_line, land, verified
from clickstream_platform_tests.queries import catalogue_rows, daily_rows, lake_rows

START_MS = int(datetime(2024, 11, 28, 19, tzinfo=UTC).timestamp() * 1000)
HOURS, EVENTS = 16, 1500
# A session with an order of each currency, and one whose only order is in another one.
IN_EUROS = [
    json_line(event_id=f"{visitor}-{name}", timestamp=f"2024-11-29T05:1{minute}:00Z",
              user_id=visitor, event_type="purchase", transaction_id=f"{visitor}-{name}",
              product_id="P", price=99, quantity=1, currency=name)
    for visitor, name, minute in (("both", "EUR", 1), ("both", "USD", 2), ("euro", "EUR", 3))
]  # fmt: skip


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("queries")
    daily_rows.build(home)
    catalogue_rows.build(home)
    return lake_rows.build(home)


@pytest.fixture(scope="session")
def shop(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    workspace = new_workspace(tmp_path_factory.mktemp("built") / "home")
    options = Options(workspace.settings.landing, START_MS, hours=HOURS, events=EVENTS, seed=11)
    generate_batch(options, lambda _: None)
    land(workspace, "shop_json", "2024-11-29T05", "euro.jsonl", b"\n".join(IN_EUROS))
    bring_up_all(workspace)
    verified(workspace)
    yield workspace
