"""Mapping files: what is wrong is named, and a sample gets a mapping that loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clickstream_platform.sources.feeds import FEED_KEYS
from clickstream_platform.sources.loader import SourceError, load_feeds, load_source, load_sources
from clickstream_platform.sources.proposal import patch_for, proposed_mapping

GOOD = """
name: web
description: d
version: 1
format: json
event_id: {field: id}
event_timestamp: {field: at}
fields: {event_name: name}
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("format: json", "format: xml"), ("format", "'json'", "'parquet'", "'xml'")),
        (("version: 1", "version: 1\ncolour: red"), ("colour", "allowed", "schema_mode")),
        (("{field: at}", "{field: at, frmat: x}"), ("event_timestamp.frmat", "repair_clock")),
        (("{field: at}", "{field: at, zone: Mars}"), ("zone", "Mars", "Europe/Berlin")),
        (("event_name: name", "name: name"), ("fields", "event_name", "page_location")),
        (("name: name", "name: a..b"), ("a..b", "outer.inner")),
        (("name: name", "name: a.b, user_id: a.b.c"), ("text and container",)),
        (("name: web", "name: Web Shop"), ("name", "Web Shop")),
        (("name: web", "name: web\nextends: nothing"), ("extends", "nothing.yaml")),
    ],
)
def test_an_error_names_file_key_and_what_is_allowed(
    tmp_path: Path, change: tuple[str, str], words: tuple[str, ...]
) -> None:
    path = tmp_path / "web.yaml"
    assert change[0] in GOOD
    path.write_text(GOOD.replace(*change, 1) if change[0] != "name: name" else _renamed(change[1]))
    with pytest.raises(SourceError) as raised:
        load_source(path)
    for word in ("web.yaml", *words):
        assert word in str(raised.value)


def _renamed(fields: str) -> str:
    return GOOD.replace("event_name: name", f"event_{fields}")


def test_a_mapping_may_extend_another(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: segment\nname: mine\nschema_mode: fail\n")
    mine, segment = load_source(path), load_sources([])["segment"]
    assert (mine.name, mine.schema_mode, mine.fields) == ("mine", "fail", segment.fields)
    assert mine.items == segment.items
    assert load_source(path) == mine  # what is kept of a file's text is whole
    path.write_text("extends: segment\nname: mine\nschema_mode: rescue\n")
    assert load_source(path).schema_mode == "rescue"


def test_every_shape_is_built_in() -> None:
    shapes = {"shop_json", "eventhub_products", "star_csv", "star_json", "transactions_csv",
              "kafka_raw", "ga4", "segment", "snowplow", "snowplow_json", "access_log",
              "rees46", "rees46_noheader", "retailrocket"}  # fmt: skip
    assert set(load_sources([])) == shapes
    names = {f"{table}_{form}" for table in FEED_KEYS for form in ("csv", "json")}
    assert set(load_feeds([])) == names


FEED = """
kind: catalogue
name: erp
description: d
version: 1
format: csv
table: users
key: id
attributes: {segment: s}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("segment: s", "price: s", "allowed: segment, country, signup_date"),
        ("table: users", "table: shops", "'products', 'users' or 'campaigns'"),
        ("key: id", "keys: id", "unknown key; allowed: name"),
    ],
)
def test_a_wrong_feed_names_what_is_allowed(
    tmp_path: Path, right: str, wrong: str, words: str
) -> None:
    path = tmp_path / "erp.yaml"
    path.write_text(FEED)
    assert load_feeds([tmp_path])["erp"].attributes == {"segment": "s"}
    assert "erp" not in load_sources([tmp_path])
    path.write_text(FEED.replace(right, wrong))
    with pytest.raises(SourceError, match=f"(?s)erp.yaml.*{words}"):
        load_feeds([tmp_path])


SAMPLES = {
    "web.jsonl": '{"messageId":"m","event":"x","ts":1732875000,"ctx":{"url":"u"},"zip":"1"}\n',
    "web.json": '[{"messageId":"m","event":"x","ts":1732875000,"ctx":{"url":"u"},"zip":"1"}]',
}


@pytest.mark.parametrize(("name", "container"), [("web.jsonl", "json"), ("web.json", "json_array")])
def test_a_sample_gets_a_mapping_that_loads(tmp_path: Path, name: str, container: str) -> None:
    (tmp_path / name).write_text(SAMPLES[name])
    mapping = tmp_path / "web.yaml"
    mapping.write_text(proposed_mapping(tmp_path / name))
    found = load_source(mapping)
    assert (found.format, found.event_id.field) == (container, "messageId")
    assert (found.event_timestamp.field, found.event_timestamp.format) == ("ts", "epoch_s")
    assert found.fields == {"event_name": "event", "page_location": "ctx.url"}
    assert found.ignore == ["zip"]


def test_a_csv_sample_tells_its_delimiter(tmp_path: Path) -> None:
    sample = tmp_path / "till.csv"
    sample.write_text(
        "event_id;event_time;event_type;sku;Unit Price\n1;29.11.2024 10:00:00;v;s;1\n"
    )
    mapping = tmp_path / "till.yaml"
    mapping.write_text(proposed_mapping(sample))
    found = load_source(mapping)
    assert (found.csv.delimiter, found.event_timestamp.format) == (";", "dmy")
    assert found.item == {"item_id": "sku", "price": "Unit Price"}


def test_a_patch_names_an_alias_for_a_synonym_and_ignores_the_rest() -> None:
    source = load_sources([])["kafka_raw"]
    assert patch_for(source, "userId") == "fields: {user_id: [user_id, userId]}"
    assert patch_for(source, "sku") == "item: {item_id: [product_id, sku]}"
    assert patch_for(source, "pageUrl") == "fields: {page_location: pageUrl}"
    assert patch_for(source, "colour") == "ignore: [colour]"
    assert json.dumps(source.ignore) == "[]"


@pytest.mark.parametrize(
    ("theirs", "is_refused"),
    [
        ("{servers: west:9092, topics: [b, a]}", True),
        ("{servers: west:9092, topics: [a], generation: 1}", True),
        ("{servers: west:9092, topics: [a], generation: west}", False),
        ("{servers: east:9092, topics: [b]}", False),
        ("{servers: east:9092, topics: [ecom_clickstream_raw]}", False),  # the built-in example's
    ],
)
def test_two_sources_share_no_topic_and_generation(
    tmp_path: Path, theirs: str, is_refused: bool
) -> None:
    (tmp_path / "web.yaml").write_text(GOOD + "kafka: {servers: east:9092, topics: [a]}\n")
    other = GOOD.replace("name: web", "name: west", 1) + f"kafka: {theirs}\n"
    (tmp_path / "west.yaml").write_text(other)
    if not is_refused:
        assert {"web", "west"} <= set(load_sources([tmp_path]))
        return
    with pytest.raises(SourceError) as raised:
        load_sources([tmp_path])
    for word in ("web", "west", "topic a", "`kafka.generation` 1", "another generation"):
        assert word in str(raised.value)
