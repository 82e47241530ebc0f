"""The shapes lines are written in, by their letter in NAMES.md; a shape is one file here."""

from __future__ import annotations

from clickstream_platform.errors import UsageError
from clickstream_platform.generator.shapes.access_log import ACCESS_LOG
from clickstream_platform.generator.shapes.eventhub_products import EVENTHUB_PRODUCTS
from clickstream_platform.generator.shapes.ga4 import GA4
from clickstream_platform.generator.shapes.kafka_raw import KAFKA_RAW
from clickstream_platform.generator.shapes.segment import SEGMENT
from clickstream_platform.generator.shapes.shape import Shape
from clickstream_platform.generator.shapes.shop_json import SHOP_JSON
from clickstream_platform.generator.shapes.snowplow import SNOWPLOW
from clickstream_platform.generator.shapes.star_csv import STAR_CSV
from clickstream_platform.generator.shapes.transactions_csv import TRANSACTIONS_CSV

SHAPES: dict[str, Shape] = {
    shape.letter: shape
    for shape in (
        SHOP_JSON,
        EVENTHUB_PRODUCTS,
        STAR_CSV,
        TRANSACTIONS_CSV,
        KAFKA_RAW,
        GA4,
        SEGMENT,
        SNOWPLOW,
        ACCESS_LOG,
    )
}


def find_shape(letter: str, file_format: str | None) -> tuple[Shape, str]:
    """The shape and the format to write: the one asked for, else the shape's first.

    Raises: UsageError if there is no such shape yet, or it has no such format.
    """
    if letter not in SHAPES:
        supported = ", ".join(f"{shape.letter} ({shape.source})" for shape in SHAPES.values())
        raise UsageError(f"Shape {letter} cannot be generated; choose one of {supported}.")
    shape = SHAPES[letter]
    chosen = file_format or shape.formats[0]
    if chosen not in shape.formats:
        raise UsageError(
            f"Shape {letter} ({shape.source}) has no format {chosen}; "
            f"choose {' or '.join(shape.formats)}."
        )
    return shape, chosen
