"""Finds and validates the source mappings: the built-in ones, then those of `source_dirs`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

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
        return Source.model_validate(_content(path, seen=()))
    except yaml.YAMLError as error:
        raise SourceError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(map(str, item['loc'])) or '(top level)'}: {_words(item)}"
            for item in error.errors()
        )
        raise SourceError(f"{path}: the mapping is not valid:\n{problems}") from error


def _words(problem: Any) -> str:
    """The problem in words; for an unknown key with those that are allowed in its place."""
    if problem["type"] != "extra_forbidden":
        return f"{problem['msg']} (found {str(problem['input'])[:80]!r})"
    model: Any = Source
    for key in problem["loc"][:-1]:
        found = model.model_fields.get(key)
        kinds = [found.annotation, *get_args(found.annotation)] if found else []
        model = next((kind for kind in kinds if hasattr(kind, "model_fields")), model)
    return f"unknown key; allowed: {', '.join(model.model_fields)}"


def _content(path: Path, *, seen: tuple[Path, ...]) -> Any:
    """The file's keys; those it does not give come from the mapping it `extends`."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or "extends" not in content:
        return content
    base = f"{content.pop('extends')}.yaml"
    found = [folder / base for folder in (path.parent, BUILTIN_DIR) if (folder / base).is_file()]
    if not found or found[0] in (*seen, path):
        raise SourceError(f"{path}: `extends` names {base}, which is not beside it or built in.")
    return _content(found[0], seen=(*seen, path)) | content


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
