"""Shape H `snowplow`: enriched events as TSV of 131 columns, or as JSON lines of the same names."""

from __future__ import annotations

import json

import numpy as np

from clickstream_platform.generator.block import NONE, EventBlock
from clickstream_platform.generator.catalogue import AGENTS, CURRENCY, Shop
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.shape import Shape

WORDS = {"purchase": "transaction_item"}
_COLUMN_TEXT = """
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker
v_tracker v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid
domain_sessionidx network_userid geo_country geo_region geo_city geo_zipcode geo_latitude
geo_longitude geo_region_name ip_isp ip_organization ip_domain ip_netspeed page_url page_title
page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery page_urlfragment
refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium
refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category
se_action se_label se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax
tr_shipping tr_city tr_state tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity
pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent br_name br_family br_version
br_type br_renderengine br_lang br_features_pdf br_features_flash br_features_java
br_features_director br_features_quicktime br_features_realplayer br_features_windowsmedia
br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth br_viewheight
os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth
dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base
tr_shipping_base ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network
etl_tags dvce_sent_tstamp refr_domain_userid refr_dvce_tstamp derived_contexts domain_sessionid
derived_tstamp event_vendor event_name event_format event_version event_fingerprint true_tstamp
"""
COLUMNS = tuple(_COLUMN_TEXT.split())
_FILLED = (
    "app_id", "event", "event_name", "event_id", "derived_tstamp", "collector_tstamp",
    "user_id", "domain_userid", "domain_sessionid", "user_ipaddress", "useragent", "page_url",
    "page_referrer", "ti_sku", "ti_category", "ti_price", "ti_quantity", "ti_currency",
    "ti_orderid",
)  # fmt: skip


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """One line per event; products stand in the fields of Snowplow's transaction items."""
    rows = zip(*_columns(events, shop), strict=True)
    if file_format == "json":
        filled = ({n: v for n, v in zip(_FILLED, row, strict=True) if v} for row in rows)
        return [json.dumps(record, separators=(",", ":")) for record in filled]
    place = {name: number for number, name in enumerate(_FILLED)}
    order = [place.get(name) for name in COLUMNS]
    return ["\t".join("" if at is None else row[at] for at in order) for row in rows]


def _columns(events: EventBlock, shop: Shop) -> list[list[str]]:
    words = text.words(events, WORDS)
    times = [moment.replace("T", " ").removesuffix("Z") for moment in text.times(events.time)]
    arrivals = [time.replace("T", " ").removesuffix("Z") for time in text.times(events.arrival)]
    products = text.product_texts(events, shop)
    categories = np.array([*text.category_names(shop), ""], dtype=object)[events.product].tolist()
    orders = [""] * len(events)
    ordered = np.flatnonzero(events.order != NONE)
    for row, order in zip(ordered.tolist(), text.order_texts(events.order[ordered]), strict=True):
        orders[row] = order
    return [
        ["shop"] * len(events),
        ["page_view" if word == "page_view" else "unstruct" for word in words],
        words,
        events.event_id.tolist(),
        times,
        arrivals,
        text.user_texts(events.user, null=""),
        text.by_distinct(events.browser, text.anonymous_texts),
        text.by_distinct(events.session, text.session_texts),
        text.by_distinct(events.browser, text.address_texts),
        np.array([agent for agent, *_ in AGENTS], dtype=object)[events.agent].tolist(),
        text.urls(events, shop),
        text.referrers(events),
        products,
        categories,
        text.prices(events, shop),
        [
            str(quantity) if product else ""
            for product, quantity in zip(products, events.quantity.tolist(), strict=True)
        ],
        [CURRENCY if product else "" for product in products],
        orders,
    ]


SNOWPLOW = Shape(
    letter="H",
    source="snowplow",
    formats=("csv", "json"),
    sources={"json": "snowplow_json"},
    render=render,
    identity="cookie",
    id_path=("event_id",),
    name_path=("event_name",),
    time_paths=(("derived_tstamp",), ("collector_tstamp",)),
    price_paths=(("ti_price",),),
    has_transaction_id=True,
    has_arrival_time=True,
    columns=COLUMNS,
    has_header=False,
    delimiter="\t",
    words=WORDS,
)
