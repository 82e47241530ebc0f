"""docs/OPERATIONS.md tells of every setting, and of no other."""

import re
from collections.abc import Iterator

from pydantic import BaseModel

from clickstream_platform.settings import PROJECT_ROOT, Settings


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_the_settings_table_lists_exactly_the_settings() -> None:
    page = (PROJECT_ROOT / "docs" / "OPERATIONS.md").read_text()
    table = page.split("## Settings")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z0-9_.]+)` \|", table, flags=re.MULTILINE) == list(_keys(Settings))
