"""The columns of silver/events that are derived from others (docs/DEFINITIONS.md, Enrichment)."""

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables.contract import column

RAW = "bronze/events.raw"
ENRICHMENT_VERSION = 1  # raise it when the rules or lists of enrichment change what comes out
_CATEGORIES = ("search", "social", "video", "shopping", "email", "ai_assistant")


class Enrichment(pa.DataFrameModel):
    """With what, from where and by which channel an event came."""

    browser_name: T.StringType = column(
        "Browser without version, such as `Chrome`; as the source says, else by user agent.",
        nullable=True,
        of=(RAW,),
    )
    os_name: T.StringType = column(
        "Operating system, such as `macOS`; as the source says, else by user agent.",
        nullable=True,
        of=(RAW,),
    )
    device_category: T.StringType = column(
        "`desktop`, `mobile`, `tablet`, `tv`, `bot`, `other`, or the source's own word.",
        nullable=True,
        of=(RAW,),
    )
    is_declared_bot: T.BooleanType = column("The user agent names a robot.", of=(RAW,))
    page_domain: T.StringType = column("Host of `page_location`.", nullable=True, of=(RAW,))
    page_path: T.StringType = column(
        "Path of `page_location`, not decoded.", nullable=True, of=(RAW,)
    )
    mkt_source: T.StringType = column(
        "Campaign's source: the source's own field, else `utm_source`.", nullable=True, of=(RAW,)
    )
    mkt_medium: T.StringType = column(
        "Campaign's medium: own field, else `utm_medium`.", nullable=True, of=(RAW,)
    )
    mkt_campaign: T.StringType = column(
        "Campaign's name: own field, else `utm_campaign`.", nullable=True, of=(RAW,)
    )
    mkt_term: T.StringType = column(
        "Campaign's term: own field, else `utm_term`.", nullable=True, of=(RAW,)
    )
    mkt_content: T.StringType = column(
        "Campaign's content: own field, else `utm_content`.", nullable=True, of=(RAW,)
    )
    mkt_clickid: T.StringType = column(
        "Click id: own field, else `gclid`, `fbclid`, `msclkid`, … of the query.",
        nullable=True,
        of=(RAW,),
        pii="id",
    )
    mkt_network: T.StringType = column(
        "Advertising network that adds this click id.", nullable=True, of=(RAW,)
    )
    refr_medium: T.StringType = column(
        "Kind of referrer; `internal` is the own site, `unknown` any site that is not listed.",
        nullable=True,
        of=(RAW,),
        isin=(*_CATEGORIES, "internal", "unknown"),
    )
    refr_source: T.StringType = column(
        "Listed name of the referrer, such as `google`, else its host.", nullable=True, of=(RAW,)
    )
    channel_group: T.StringType = column(
        "GA4's default channel group of this event alone; null if neither page, referrer nor "
        "campaign is known.",
        nullable=True,
        of=(RAW,),
    )
    enrichment_version: T.IntegerType = column("Version of the rules of the columns above.", ge=1)
