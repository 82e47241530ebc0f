"""The committed data dictionary is what the contracts say."""

from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.dictionary import DICTIONARY, dictionary
from clickstream_platform.tables.gold import FACT_TRANSACTIONS
from clickstream_platform.tables.rules import rules_of
from clickstream_platform.tables.silver import SILVER_EVENTS


def test_the_committed_page_is_up_to_date() -> None:
    assert DICTIONARY.read_text() == dictionary(), "contracts changed: run `make docs`"


def test_every_table_column_and_rule_is_told() -> None:
    page = dictionary()
    for table in ALL:
        section = page.split(f"\n## {table.path}\n")[1].split("\n## ")[0]
        for spec in table.columns:
            null = "yes" if spec.nullable else "no"
            assert f"| `{spec.name}` | `{spec.type.simpleString()}` | {null} |" in section
        for rule in rules_of(table):
            assert f"| `{rule.name}` | {rule.action} | {rule.explanation} |" in section


def test_the_page_holds_known_facts_word_by_word() -> None:
    page = dictionary((SILVER_EVENTS, FACT_TRANSACTIONS))
    assert (
        "| `hour_of_day` | `int` | no | hour |  | UTC hour of day. | `bronze/events.raw` |" in page
    )
    assert "| `negative_price` | reject | no item may have a price below 0 |" in page
    assert "  silver_events --> gold_fact_transactions\n" in page
    assert (
        "[`silver/events`](#silverevents) | per accepted event | `event_hour` | PySpark |" in page
    )
