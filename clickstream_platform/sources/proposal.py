"""Guesses what a tracker's fields mean, for a person to confirm: a first mapping, or a patch."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
import zstandard

from clickstream_platform.sources.model import ITEM_FIELDS, Source, names_of
from clickstream_platform.sources.paths import field_path

SAMPLE_BYTES = 1 << 20
SAMPLE_RECORDS = 200
# Canonical name -> other names for it, without case and punctuation; the first that fits wins.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "event_id": ("eventid", "messageid", "insertid", "uuid", "hitid"),
    "event_timestamp": (
        "eventtimestamp", "timestamp", "eventtime", "derivedtstamp", "createdat", "occurredat",
        "time", "ts", "datetime", "date",
    ),
    "event_name": ("eventname", "eventtype", "event", "action", "type", "activity"),
    "user_id": ("userid", "customerid", "accountid", "visitorid", "user", "uid"),
    "anonymous_id": (
        "anonymousid", "userpseudoid", "domainuserid", "clientid", "deviceid", "cookieid",
    ),
    "client_session_id": ("sessionid", "usersession", "domainsessionid", "session", "visitid"),
    "page_location": ("pagelocation", "pageurl", "url", "location", "page"),
    "page_title": ("pagetitle", "title"),
    "page_referrer": ("pagereferrer", "referrer", "referer"),
    "user_agent": ("useragent", "ua", "agent"),
    "ip_address": ("ipaddress", "ip", "useripaddress", "clientip", "remoteaddr"),
    "geo_country": ("geocountry", "country", "countrycode"),
    "geo_region": ("georegion", "region"),
    "geo_city": ("geocity", "city"),
    "currency": ("currency", "currencycode"),
    "transaction_id": ("transactionid", "orderid", "ordernumber"),
    "tax": ("tax", "taxvalue"),
    "shipping": ("shipping", "shippingvalue"),
    "coupon": ("coupon", "couponcode", "voucher"),
    "client_timestamp": ("clienttimestamp", "originaltimestamp", "dvcecreatedtstamp"),
    "sent_at": ("sentat", "dvcesenttstamp"),
    "received_at": ("receivedat", "collectortstamp", "enqueuedtime"),
    "outcome": ("outcome", "status", "result"),
    "item_id": ("itemid", "productid", "sku", "articleid"),
    "item_name": ("itemname", "productname"),
    "item_brand": ("itembrand", "brand", "productbrand"),
    "item_category": ("itemcategory", "category", "categorycode", "productcategory"),
    "price": ("price", "unitprice", "amount", "itemprice"),
    "quantity": ("quantity", "qty", "units"),
}  # fmt: skip
# Event name -> other words for it, as above.
EVENT_WORDS: Mapping[str, tuple[str, ...]] = {
    "page_view": ("page", "pageview", "pageviewed", "viewpage", "screen", "screenview", "visit"),
    "view_item": ("view", "productview", "productviewed", "viewproduct", "detail", "viewcontent"),
    "view_item_list": ("productlistviewed", "listview", "categoryview", "viewcategory"),
    "select_item": ("productclick", "productclicked", "itemclick"),
    "view_search_results": ("search", "productssearched", "searched", "sitesearch"),
    "add_to_wishlist": ("wishlist", "productaddedtowishlist", "favorite", "favourite"),
    "add_to_cart": ("cart", "addcart", "addtobasket", "basket", "productadded", "atc"),
    "remove_from_cart": ("removecart", "removefrombasket", "productremoved"),
    "view_cart": ("cartview", "cartviewed", "viewbasket"),
    "begin_checkout": ("checkout", "checkoutstarted", "startcheckout", "initiatecheckout"),
    "purchase": ("buy", "order", "ordercompleted", "transaction", "sale", "ecommercepurchase"),
    "refund": ("refunded", "orderrefunded", "return"),
    "sign_up": ("register", "registration", "signedup", "accountcreated"),
    "login": ("signin", "signedin", "loggedin"),
}
_ENVELOPE = ("event_id", "event_timestamp")


class SampleError(ValueError):
    """A sample nothing can be learned from."""


def meaning_of(field: str) -> str | None:
    """The canonical name a field most likely has; null if no name fits.

    Of a path the whole counts first, then its end: `context.page.url` is a `page.url`.
    """
    steps = field.split(".")
    for start in range(len(steps)):
        plain = _plain("".join(steps[start:]))
        if ours := next((name for name, words in SYNONYMS.items() if plain in words), None):
            return ours
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def event_names(texts: Iterable[str]) -> dict[str, str]:
    """The sample's own event names that are likely another word for one of the vocabulary's."""
    named = {}
    for text in dict.fromkeys(texts):
        plain = _plain(text)
        words = {plain, plain.removesuffix("event")}
        ours = next((name for name, theirs in EVENT_WORDS.items() if words & {*theirs}), None)
        ours = ours or next((name for name in EVENT_WORDS if plain == _plain(name)), None)
        if ours and ours != text:
            named[text] = ours
    return named


def patch_for(source: Source, field: str) -> str:
    """The YAML that would make an undeclared field known; for a likely rename an alias."""
    ours = meaning_of(field)
    if ours is None or ours in _ENVELOPE:
        return f"ignore: [{', '.join([*source.ignore, field])}]"
    section, mapped = ("item", source.item) if ours in ITEM_FIELDS else ("fields", source.fields)
    aliases = [*names_of(mapped[ours]), field] if ours in mapped else field
    text = aliases if isinstance(aliases, str) else f"[{', '.join(aliases)}]"
    return f"{section}: {{{ours}: {text}}}"


def proposed_mapping(sample: Path) -> str:
    """The text of a first mapping for the files `sample` is one of.

    Raises: SampleError if no field can be found in it.
    """
    known, fields = _read(sample)
    named: dict[str, Any] = {}
    for field in fields:
        ours = meaning_of(field)
        if ours and ours not in named:
            named[ours] = field
    missing = [name for name in ("event_timestamp", "event_name") if name not in named]
    if not fields:
        raise SampleError(f"{sample}: no field was found; is it JSON, CSV or Parquet?")
    event_id = (
        {"field": named["event_id"]} if "event_id" in named else {"fingerprint": list(fields)}
    )
    time = named.get("event_timestamp", "WHICH_FIELD")
    flat = {n: f for n, f in named.items() if n not in (*_ENVELOPE, *ITEM_FIELDS)}
    used = {field_path(field).top for field in named.values()}
    mapping = {
        "name": _name(sample),
        "description": f"Proposed from {sample.name}; read it before you use it.",
        "version": 1,
        **known,
        "event_id": event_id,
        "event_timestamp": {"field": time, "format": time_format(fields.get(time, []))},
        "fields": {"event_name": "WHICH_FIELD", **flat},
        "event_names": event_names(fields.get(named.get("event_name", ""), [])),
        "item": {n: f for n, f in named.items() if n in ITEM_FIELDS},
        "ignore": [f for f in dict.fromkeys(field_path(f).top for f in fields) if f not in used],
    }
    notes = "".join(f"# To do: nothing looks like `{name}`.\n" for name in missing)
    return notes + yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True)


def _name(sample: Path) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", sample.name.split(".")[0].lower()).strip("_")
    return found if found[:1].isalpha() else f"source_{found}"


def time_format(values: Iterable[str]) -> str:
    """How the first of these texts writes a time; ISO 8601 if none says otherwise."""
    text = next(iter(values), "")
    patterns = {
        r"-?\d{9,10}": "epoch_s",
        r"\d{12,13}": "epoch_ms",
        r"\d{15,16}": "epoch_us",
        r"\d{2}/[A-Z][a-z]{2}/\d{4}:.*": "clf",
        r"\d{2}\.\d{2}\.\d{4}[T ].*": "dmy",
        r"\d{2}/\d{2}/\d{4}[T ].*": "mdy",
        r"\d{8}T?\d{6}.*": "compact",
    }
    return next((name for p, name in patterns.items() if re.fullmatch(p, text)), "iso8601")


def _read(sample: Path) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What the mapping must say of the container, and field -> some of its texts."""
    if sample.suffix == ".parquet":
        batch = next(pq.ParquetFile(sample).iter_batches(batch_size=SAMPLE_RECORDS))
        return {"format": "parquet"}, _fields(batch.to_pylist())
    text = _head(sample).decode("utf-8", "replace").removeprefix("\ufeff")
    begin = text.lstrip()[:1]
    if begin == "[":
        return {"format": "json_array"}, _fields(_objects(text.lstrip()[1:], separator=","))
    if begin == "{":
        return {"format": "json"}, _fields(_objects(text, separator="\n"))
    header, *records = text.splitlines()[:SAMPLE_RECORDS] or [""]
    delimiter = max(",;\t|", key=header.count)
    rows = list(csv.reader([header, *records], delimiter=delimiter))
    known: dict[str, Any] = {"format": "csv"}
    if delimiter != ",":
        known["csv"] = {"delimiter": delimiter}
    return known, {n: [row[i] for row in rows[1:] if len(row) > i] for i, n in enumerate(rows[0])}


def _head(sample: Path) -> bytes:
    with sample.open("rb") as stream:
        if sample.suffix == ".gz":
            return gzip.GzipFile(fileobj=stream).read(SAMPLE_BYTES)
        if sample.suffix == ".zst":
            return zstandard.ZstdDecompressor().stream_reader(stream).read(SAMPLE_BYTES)
        return stream.read(SAMPLE_BYTES)


def _objects(text: str, *, separator: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    decoder, position = json.JSONDecoder(), 0
    while len(found) < SAMPLE_RECORDS and (begin := text.find("{", position)) >= 0:
        try:
            value, position = decoder.raw_decode(text, begin)
        except ValueError:
            break
        found.append(value)
        position = max(text.find(separator, position), position)
    return found


def _fields(records: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Path -> texts; objects are opened, lists are left to be mapped by hand."""
    found: dict[str, list[str]] = {}

    def add(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                add(f"{path}.{name}" if path else name, inner)
        elif value is not None:
            found.setdefault(path, []).append(str(value))

    for record in records:
        add("", record)
    return found
