"""Words no file of this project may hold: switches that lose rows, registry hosts, local paths.

Looks at every file git tracks or would track; prints `file:line: what` and exits 1 if one is found.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ("scripts/check_words.py", "clickstream_platform_tests/scripts/test_check_words.py")
ANY_FILE = ("*",)
# In pieces, because this file must not name them either.
REGISTRY_HOSTS = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("repo1", "maven", "org"),
    ("repo", "maven", "apache", "org"),
    ("central", "sonatype", "com"),
    ("deb", "debian", "org"),
    ("archive", "ubuntu", "com"),
    ("registry", "npmjs", "org"),
    ("conda", "anaconda", "org"),
    ("proxy", "golang", "org"),
)


@dataclass(frozen=True)
class Ban:
    """A pattern, why it is banned, the files it is looked for in, and those that may hold it."""

    pattern: re.Pattern[str]
    reason: str
    within: tuple[str, ...] = ANY_FILE
    allowed_in: tuple[str, ...] = ()


BANS = (
    Ban(
        re.compile(
            r"DROPMALFORMED|ignoreCorruptFiles|failOnDataLoss[\"']?\s*[,=:]\s*[\"']?false",
            re.IGNORECASE,
        ),
        "a switch that loses rows in silence",
        allowed_in=("docs/*.md", *HERE),
    ),
    Ban(
        re.compile("|".join(re.escape(".".join(parts)) for parts in REGISTRY_HOSTS)),
        "the host of a package registry; it belongs into the user's own configuration",
    ),
    Ban(
        re.compile(r"(?<![\w./~}-])/(?:work|root)/"),
        "a path of somebody's machine",
        allowed_in=HERE,
    ),
    Ban(re.compile("://"), "an address in a lock file", within=("*.lock",)),
)


def findings(name: str, text: str) -> Iterator[str]:
    """`name:line: reason` for each banned word in one file's text."""
    applying = [
        ban
        for ban in BANS
        if any(fnmatch(name, glob) for glob in ban.within)
        and not any(fnmatch(name, glob) for glob in ban.allowed_in)
    ]
    for number, line in enumerate(text.splitlines(), start=1):
        for ban in applying:
            if found := ban.pattern.search(line):
                yield f"{name}:{number}: {found.group()!r} is {ban.reason}"


def project_files(root: Path) -> list[str]:
    """Names of the files git tracks or would track, as they lie in the folder now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({name for name in listed.stdout.split("\0") if (root / name).is_file()})


def main(root: Path = ROOT) -> int:
    """1 if anything was found."""
    names = project_files(root)
    found: list[str] = []
    for name in names:
        content = (root / name).read_bytes()
        if b"\0" not in content:
            found += findings(name, content.decode("utf-8", errors="replace"))
    for line in found:
        print(line)
    print(f"{len(found)} forbidden words in {len(names)} files", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
