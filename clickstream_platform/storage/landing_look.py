"""The look at landing: which finished files are there that the manifest does not know.

It lists only folders that changed since the last look, and in turn a few that did not: a file
written over in place does not change its folder. Data: `<home>/landing`, read; what was seen of the
folders is in `<home>/state/landing_folders.sqlite`, a hint that may be deleted at any time.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from clickstream_platform.settings import HOUR_KEY
from clickstream_platform.sources.model import LineForm
from clickstream_platform.storage.folders import Folder, Folders
from clickstream_platform.storage.landing import LandingFile
from clickstream_platform.storage.manifest import Manifest

MAX_FILES = 20_000  # of changed folders in one bounded look; the rest waits for the next one


@dataclass(frozen=True)
class Look:
    """What one look found. `unsettled` files changed too recently to be called finished."""

    new_files: int
    unsettled: int
    files_seen: int
    folders: int
    folders_listed: int
    audit_cycle_looks: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """How much a look lists beside the folders that changed.

    `hours`: folders of these ingest hours, null for every folder; `audit_files`: then, longest
    unlisted first, folders of about so many files.
    """

    hours: Collection[str] | None = ()
    audit_files: int = 0


EVERYTHING = Scope(hours=None)


@dataclass
class _Found:
    files: list[LandingFile] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unsettled: int = 0
    files_seen: int = 0


@dataclass(frozen=True)
class _Place:
    """A folder of landing files: a source's own, or one hour of it."""

    path: str
    source: LineForm
    hour: str | None
    mtime_ns: int


def look(
    root: Path,
    sources: Mapping[str, LineForm],
    manifest: Manifest,
    folders: Folders,
    *,
    running_hour: str,
    settle_s: float,
    scope: Scope = EVERYTHING,
) -> Look:
    """Registers finished files that are new or changed. Opens no file and follows no link.

    Guarantees: a file is finished once its inode did not change for `settle_s` seconds; until then
        its folder is listed again by each look. A folder is noted after its files are registered,
        so that a crash between the two forgets none.
    """
    found = _Found()
    known = folders.all()
    places = _places(root, sources, known, found, running_hour=running_hour)
    listed = 0
    for place in _chosen(places, known, scope):
        if scope.hours is not None and found.files_seen > MAX_FILES:
            break
        _list(root, place, found, settle_s=settle_s)
        listed += 1
    new_files = manifest.register(found.files, running_hour=running_hour)
    folders.note(found.folders, gone=found.gone)
    files = sum(folder.files for folder in {**known, **{f.path: f for f in found.folders}}.values())
    return Look(
        new_files=new_files,
        unsettled=found.unsettled,
        files_seen=found.files_seen,
        folders=len(places),
        folders_listed=listed,
        audit_cycle_looks=-(-files // scope.audit_files) if scope.audit_files else 1,
        warnings=tuple(found.warnings),
    )


def _places(
    root: Path,
    sources: Mapping[str, LineForm],
    known: Mapping[str, Folder],
    found: _Found,
    *,
    running_hour: str,
) -> list[_Place]:
    """Every folder that may hold files of known sources, with its time now."""
    places: list[_Place] = []
    for name in _folder_names(root):
        source = sources.get(name)
        if source is None:
            with os.scandir(root / name) as inside:
                if any(True for _ in inside):
                    listed = ", ".join(sorted(sources))
                    found.warnings.append(
                        f"landing/{name}: no source of this name; known: {listed}"
                    )
            continue
        info = (root / name).stat(follow_symlinks=False)
        before = known.get(name)
        is_same = before is not None and before.mtime_ns == info.st_mtime_ns
        hours = before.subfolders if is_same and before else _folder_names(root / name)
        places.append(_Place(name, source, None, info.st_mtime_ns))
        for hour in hours:
            if not HOUR_KEY.match(hour):
                found.warnings.append(f"landing/{name}/{hour}: not an hour like 2026-11-20T10")
            elif hour > running_hour:
                found.warnings.append(f"landing/{name}/{hour}: later than now, left in place")
            elif place := _hour_place(root, source, hour):
                places.append(place)
    present = {place.path for place in places}
    found.gone += [path for path in known if path not in present]
    return places


def _hour_place(root: Path, source: LineForm, hour: str) -> _Place | None:
    path = f"{source.name}/{hour}"
    try:
        info = (root / path).stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return _Place(path, source, hour, info.st_mtime_ns) if stat.S_ISDIR(info.st_mode) else None


def _folder_names(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    with os.scandir(folder) as entries:
        return tuple(sorted(e.name for e in entries if e.is_dir(follow_symlinks=False)))


def _chosen(places: list[_Place], known: Mapping[str, Folder], scope: Scope) -> list[_Place]:
    """Changed and wanted folders in order of path, then those that were not listed for longest."""
    if scope.hours is None:
        return places
    chosen: list[_Place] = []
    others: list[_Place] = []
    for place in places:
        before = known.get(place.path)
        is_changed = before is None or before.mtime_ns != place.mtime_ns
        (chosen if is_changed or place.hour in scope.hours else others).append(place)
    others.sort(key=lambda place: known[place.path].listed_at)
    budget = scope.audit_files
    for place in others:
        if budget <= 0:
            break
        chosen.append(place)
        budget -= max(known[place.path].files, 1)
    return chosen


def _list(root: Path, place: _Place, found: _Found, *, settle_s: float) -> None:
    """Takes the finished files of one folder; notes the folder unless it may still be changing."""
    now = time.time()
    settled_before = now - settle_s
    is_settled = place.mtime_ns / 1e9 <= settled_before
    subfolders: list[str] = []
    files = 0
    try:
        with os.scandir(root / place.path) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        found.gone.append(place.path)
        return
    except PermissionError as error:
        found.warnings.append(f"landing/{place.path}: {error.strerror}")
        return
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            subfolders.append(entry.name)
            continue
        if _is_unfinished(entry.name) or not fnmatch(entry.name, place.source.files):
            continue
        try:
            info = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # renamed or removed while we look: the folder's time tells
            continue
        if not stat.S_ISREG(info.st_mode):
            continue
        files += 1
        if info.st_ctime > settled_before:
            found.unsettled += 1
            is_settled = False
            continue
        path = f"{place.path}/{entry.name}"
        found.files.append(
            LandingFile(path, place.source.name, place.hour, info.st_size, info.st_mtime_ns)
        )
    found.files_seen += files
    noted = place.mtime_ns if is_settled else 0
    found.folders.append(
        Folder(place.path, noted, now, files, () if place.hour else tuple(subfolders))
    )


def _is_unfinished(name: str) -> bool:
    return name.startswith((".", "_")) or name.endswith(".tmp")
