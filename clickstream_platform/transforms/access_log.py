"""Lines of a web server's access log, common or combined (docs/DEFINITIONS.md, Reading a line)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_MARK = "\x1f"
_WORD = rf"([^\s{_MARK}]++)"
_QUOTED = rf'"([^"\\{_MARK}]*+(?:\\[^{_MARK}][^"\\{_MARK}]*+)*+)"'
# Possessive throughout: see the note on CSV in `fields`.
LINE = (
    rf"^{_WORD} {_WORD} {_WORD} \[([^\]{_MARK}]*+)\] {_QUOTED} (\d{{3}}) (\d++|-)"
    rf"(?: {_QUOTED} {_QUOTED})?+$"
)
_LINE_FIELDS = (
    "host", "ident", "user", "time", "request", "status", "bytes", "referrer", "user_agent",
)  # fmt: skip
_REQUEST = r"^([A-Z]++) ([^ ]++)(?: (HTTP/[0-9.]++))?+$"
_ASSET = (
    r"(?i)\.(?:css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|otf|eot|txt|xml|json"
    r"|mp4|webm|mp3|pdf|zip)$"
)


def with_access_log(
    lines: DataFrame, wanted: Mapping[str, str], carried: Sequence[str]
) -> DataFrame:
    """As `with_fields`, of lines with `_text` and `_unreadable`; `wanted` maps columns to fields.

    One expression takes a line apart: its groups are joined by a mark no group may hold.
    """
    text = F.col("_text")
    groups = "".join(f"${number}{_MARK}" for number in range(1, len(_LINE_FIELDS)))
    whole = F.regexp_replace(text, LINE, f"{groups}${len(_LINE_FIELDS)}")
    parts = F.when(text.rlike(LINE), F.split(whole, _MARK, -1))
    fatal = F.coalesce("_unreadable", F.when(F.col("_parts").isNull(), F.lit("malformed_line")))
    found = _fields(F.col("_parts"))
    return lines.withColumn("_parts", parts).select(
        *carried,
        fatal.alias("_fatal"),
        F.lit(None).cast("string").alias("_detail"),
        *[F.trim(found[field]).alias(column) for column, field in wanted.items()],
        F.lit(None).cast("map<string,string>").alias("_extra"),
    )


def _fields(parts: Column) -> dict[str, Column]:
    found = {name: parts.getItem(place) for place, name in enumerate(_LINE_FIELDS)}
    request = found["request"]
    for group, name in enumerate(("method", "target", "protocol"), start=1):
        found[name] = F.nullif(F.regexp_extract(request, _REQUEST, group), F.lit(""))
    path = F.regexp_extract(found["target"], r"^[^?#]*+", 0)
    found["kind"] = (
        F.when(found["status"] >= "400", F.lit("error"))
        .when(found["method"] != "GET", F.lit("other"))
        .when(path.rlike(_ASSET), F.lit("asset"))
        .when(found["target"].isNotNull(), F.lit("page"))
    )
    return found
