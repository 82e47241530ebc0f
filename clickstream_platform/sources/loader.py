"""Finds and validates the source mappings: the built-in ones, then those of `source_dirs`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import ValidationError

from clickstream_platform.errors import UsageError
from clickstream_platform.sources.feeds import Feed
from clickstream_platform.sources.model import KafkaInput, LineForm, Source

BUILTIN_DIR = Path(__file__).parent / "builtin"
Form = TypeVar("Form", Source, Feed)


class SourceError(UsageError):
    """A mapping that cannot be used; names the file, the key and what is allowed."""


def load_source(path: Path) -> Source:
    """The tracker's mapping in `path`.

    Raises: SourceError if the file is no YAML, or a key is unknown, missing or wrong.
    """
    return _validated(path, Source)


def _validated(path: Path, kind: type[Form]) -> Form:
    try:
        return kind.model_validate(_content(path, seen=()))
    except yaml.YAMLError as error:
        raise SourceError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(map(str, item['loc'])) or '(top level)'}: {_words(item, kind)}"
            for item in error.errors()
        )
        raise SourceError(f"{path}: the mapping is not valid:\n{problems}") from error


def _words(problem: Any, kind: type[LineForm]) -> str:
    """The problem in words; for an unknown key with those that are allowed in its place."""
    if problem["type"] != "extra_forbidden":
        return f"{problem['msg']} (found {str(problem['input'])[:80]!r})"
    model: Any = kind
    for key in problem["loc"][:-1]:
        found = model.model_fields.get(key)
        kinds = [found.annotation, *get_args(found.annotation)] if found else []
        model = next((kind for kind in kinds if hasattr(kind, "model_fields")), model)
    return f"unknown key; allowed: {', '.join(model.model_fields)}"


def _content(path: Path, *, seen: tuple[Path, ...]) -> Any:
    """The file's keys; those it does not give come from the mapping it `extends`."""
    content = _parsed(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or "extends" not in content:
        return content
    base = f"{content['extends']}.yaml"
    found = [folder / base for folder in (path.parent, BUILTIN_DIR) if (folder / base).is_file()]
    if not found or found[0] in (*seen, path):
        raise SourceError(f"{path}: `extends` names {base}, which is not beside it or built in.")
    mine = {key: value for key, value in content.items() if key != "extends"}
    return _content(found[0], seen=(*seen, path)) | mine


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    """The YAML; every tick of a sensor asks for each mapping several times."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def load_sources(extra_dirs: Sequence[Path]) -> dict[str, Source]:
    """Every known source by name; a mapping in `extra_dirs` replaces a built-in one of its name.

    Raises: SourceError if a folder is missing or a mapping is wrong, or two of `extra_dirs` would
        give lines of Kafka the same addresses.
    """
    paths = [path for path in _mappings(extra_dirs) if not _is_feed(path)]
    found = {source.name: source for source in map(load_source, paths)}
    for source in found.values():
        if source.kafka is not None and not _is_builtin(source):
            refuse_shared_topics(found, source.name, source.kafka)
    return found


def refuse_shared_topics(sources: Mapping[str, Source], name: str, kafka: KafkaInput) -> None:
    """Lets `name` read what `kafka` says only if no other source reads a topic of it likewise.

    A line's address names topic and generation, not the servers, and two lines must not share one.
    Another source that is built in does not count: it is an example until somebody streams it, and
    then its lines are in bronze, where a stream's start finds them.
    Raises: SourceError naming both sources.
    """
    for other in sources.values():
        theirs = other.kafka
        if theirs is None or other.name == name or theirs.generation != kafka.generation:
            continue
        shared = sorted(set(theirs.topics) & set(kafka.topics))
        if shared and not _is_builtin(other):
            raise SourceError(
                f"The sources {name} and {other.name} both read the topic {shared[0]} with the "
                f"`kafka.generation` {kafka.generation}, so their lines would have the same "
                f"addresses. Give the one that was streamed last, or not yet, another generation."
            )


def _is_builtin(source: Source) -> bool:
    """True for a mapping that comes with the platform and that no folder of `source_dirs` has."""
    path = BUILTIN_DIR / f"{source.name}.yaml"
    return path.is_file() and load_source(path) == source


def load_feeds(extra_dirs: Sequence[Path]) -> dict[str, Feed]:
    """Every catalogue feed by name: the mappings of `kind: catalogue` among the same files.

    Raises: SourceError as `load_sources`.
    """
    found = (_validated(path, Feed) for path in _mappings(extra_dirs) if _is_feed(path))
    return {feed.name: feed for feed in found}


def _mappings(extra_dirs: Sequence[Path]) -> Iterator[Path]:
    for folder in (BUILTIN_DIR, *extra_dirs):
        if not folder.is_dir():
            raise SourceError(f"source_dirs names {folder}, which is no folder.")
        yield from sorted(folder.glob("*.yaml"))


def _is_feed(path: Path) -> bool:
    """By its key `kind`; what is no YAML at all is reported by who reads it as a tracker's."""
    try:
        content = _content(path, seen=())
    except yaml.YAMLError:
        return False
    return isinstance(content, dict) and "kind" in content


def mapping_digest(sources: Mapping[str, LineForm]) -> str:
    """8 hex digits that change when any mapping changes what it does, wherever its lines are."""
    text = json.dumps(
        {name: sources[name].model_dump(exclude={"kafka"}) for name in sorted(sources)},
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:8]
