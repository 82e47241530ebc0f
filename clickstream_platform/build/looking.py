"""A look into claimed landing files before they are read: digest, header and splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage import landing
from clickstream_platform.storage.landing import Inspected
from clickstream_platform.storage.manifest import Claim


def looked_into(
    workspace: Workspace, claims: Sequence[Claim]
) -> Iterator[tuple[Claim, Inspected | OSError | None]]:
    """Each claim with what its file is, the error of reading it, or null if it is not as seen.

    Several files at a time: digests and cuts leave Python's lock.
    """
    root = workspace.settings.landing

    def look(claim: Claim) -> Inspected | OSError | None:
        try:
            if not landing.is_as_seen(root, claim.path, claim.size, claim.mtime_ns):
                return None
            return landing.inspect(root, claim.path, workspace.forms[claim.source])
        except OSError as error:
            return error

    with ThreadPoolExecutor(max_workers=workspace.cores) as pool:
        yield from zip(claims, pool.map(look, claims), strict=True)
