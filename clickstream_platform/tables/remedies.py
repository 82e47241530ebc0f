"""What to do about each reason to reject a line, each warning on a row, and repeats."""

REMEDIES = {
    "invalid_utf8": "Have the sender write UTF-8; or repair: --fix with the right text from raw.",
    "malformed_line": "Look at the line; if it is repairable, `--fix` an expression over raw.",
    "column_count": "Give the mapping's `csv.columns` the file's columns, or repair the line.",
    "archive_truncated": "Ask for the whole file again; its repeated lines become duplicates.",
    "unknown_source": "Add a mapping with this name to `source_dirs`, then replay.",
    "missing_event_id": "Map the right `event_id.field`, or use `event_id.fingerprint`.",
    "missing_event_name": "Map the right field as `event_name`, with its aliases.",
    "missing_event_timestamp": "Map the right `event_timestamp.field`, with its aliases.",
    "unparsable_event_timestamp": "Give the mapping the right `event_timestamp.format`.",
    "future_event": "The sender's clock is ahead; raise `max_future_skew_s` if it may be.",
    "before_first_hour": "Set `first_hour` earlier if the home shall hold that time.",
    "negative_price": "A refund sent as a price? Map its event name, or repair the price.",
    "quantity_below_one": "Map the right field as `quantity`, or repair the line.",
    "purchase_without_product": "Map the right field as `item_id`, with its aliases.",
    "purchase_without_value": "Map the right field as `price`, or repair how it is written.",
    "event_id_collision": "Two payloads share an id: use an id that is unique per event.",
    "no_visitor": "Map `anonymous_id`, `user_id` or `client_session_id`, if the source has one.",
    "unknown_event_name": "Map it in `event_names` if it is one of the known events.",
    "unparsable_price": "See `rescued_data`: the price is written in a way that is no number.",
    "unparsable_quantity": "See `rescued_data`: the quantity is no whole number.",
    "undeclared_fields": "See `rescued_data`; the check of silver/events proposes a mapping.",
    "schema_drift": "Map the new fields or list them in `ignore`, then replay.",
    "unparsable_items": "See `rescued_data`: the products are no list of objects.",
    "unparsable_json": "See `rescued_data`: a nested field is no JSON object or list.",
    "duplicate": "Nothing: the line was sent again, its first copy is in silver/events.",
    "currency_pattern": "Send ISO 4217 codes, or leave it out and set `defaults.currency`.",
}


def remedy(name: str) -> str:
    """One sentence; also for `missing_<field>` of a source that requires more fields."""
    if name in REMEDIES:
        return REMEDIES[name]
    if name.startswith("missing_"):
        field = name.removeprefix("missing_")
        return f"Map the right field as `{field}`, or take it out of the source's `required`."
    if name.startswith("unparsable_"):
        field = name.removeprefix("unparsable_")
        return f"See `rescued_data`; map the right field and format as `{field}`."
    return "Look at the lines with `clickstream quarantine show`."
