"""Finds and validates the source mappings: the built-in ones, then those of `source_dirs`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from clickstream_platform.errors import UsageError
from clickstream_platform.sources.model import Source

BUILTIN_DIR = Path(__file__).parent / "builtin"


class SourceError(UsageError):
    """A mapping that cannot be used; names the file, the key and what is allowed."""


def load_source(path: Path) -> Source:
    """The mapping in `path`.

    Raises: SourceError if the file is no YAML, or a key is unknown, missing or wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Source.model_validate(content)
    except yaml.YAMLError as error:
        raise SourceError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(map(str, item['loc'])) or '(top level)'}: {item['msg']}"
            for item in error.errors()
        )
        raise SourceError(f"{path}: the mapping is not valid:\n{problems}") from error


def load_sources(extra_dirs: Sequence[Path]) -> dict[str, Source]:
    """Every known source by name; a mapping in `extra_dirs` replaces a built-in one of its name.

    Raises: SourceError if a folder is missing or a mapping is wrong.
    """
    sources: dict[str, Source] = {}
    for folder in (BUILTIN_DIR, *extra_dirs):
        if not folder.is_dir():
            raise SourceError(f"source_dirs names {folder}, which is no folder.")
        for path in sorted(folder.glob("*.yaml")):
            source = load_source(path)
            sources[source.name] = source
    return sources


def mapping_digest(sources: dict[str, Source]) -> str:
    """8 hex digits that change when any mapping changes what it does, wherever its lines are."""
    text = json.dumps(
        {name: sources[name].model_dump(exclude={"kafka"}) for name in sorted(sources)},
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:8]
