"""Fetches the engine's JARs once and verifies them: jars.json -> `engine.jars_dir`.

`python -m clickstream_platform.engine.jars [DIR]` does it by hand.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from filelock import FileLock

from clickstream_platform.engine.java import find_java, spark_home
from clickstream_platform.errors import ClickstreamError, EnvironmentProblemError
from clickstream_platform.settings import EngineSettings, settings

PIN_FILE = Path(__file__).with_name("jars.json")
FETCH_TIMEOUT_S = 600


class JarError(EnvironmentProblemError):
    """A JAR cannot be fetched, or is not the one that was pinned."""


@dataclass(frozen=True)
class Jar:
    """One pinned file of the engine's class path."""

    org: str
    name: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}.jar"


def pinned_jars(pin_file: Path = PIN_FILE) -> list[Jar]:
    """The JARs of the pin file, in its order."""
    return [Jar(**entry) for entry in json.loads(pin_file.read_text())["jars"]]


def ensure_jars(engine: EngineSettings, jars: Sequence[Jar] | None = None) -> list[Path]:
    """Paths of all pinned JARs in `engine.jars_dir`, fetched if missing, each checksum verified.

    Guarantees: quick and without network when all are there. A file appears under its name only
        after its checksum was verified.
    Raises: JarError if a file is not the pinned one or cannot be fetched; JavaMissingError.
    """
    wanted = pinned_jars() if jars is None else list(jars)
    folder = engine.jars_dir.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        missing = [jar for jar in wanted if not (folder / jar.file_name).is_file()]
        if missing:
            _fetch(missing, folder, ivy_settings=engine.ivy_settings)
        for jar in wanted:
            verify(folder / jar.file_name, jar)
    return [folder / jar.file_name for jar in wanted]


def verify(path: Path, jar: Jar) -> None:
    """Raises: JarError naming the file, both checksums and the fix."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise JarError(
            f"{path} is not the pinned {jar.org}:{jar.name}:{jar.version}.\n"
            f"  SHA-256 found:    {found}\n"
            f"  SHA-256 expected: {jar.sha256} ({PIN_FILE})\n"
            f"Delete the file and run `python -m clickstream_platform.engine.jars`. If it comes "
            f"back the same, the repository it is fetched from serves another file: do not use it."
        )


def _fetch(jars: Sequence[Jar], folder: Path, *, ivy_settings: Path | None) -> None:
    """Resolves `jars` with the Ivy that pyspark ships, in a scratch folder beside the target."""
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch_name:
        scratch = Path(scratch_name)
        (scratch / "ivy.xml").write_text(_ivy_xml(jars))
        command = [
            *(str(find_java()), "-cp", f"{spark_home() / 'jars'}/*", "org.apache.ivy.Main"),
            *(["-settings", str(ivy_settings)] if ivy_settings else []),
            *("-ivy", str(scratch / "ivy.xml"), "-cache", str(scratch / "cache")),
            *("-retrieve", f"{scratch}/[artifact]-[revision].[ext]", "-types", "jar", "bundle"),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=FETCH_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as late:
            raise JarError(
                f"The JARs did not arrive within {FETCH_TIMEOUT_S} s. Check the network, then run "
                f"`python -m clickstream_platform.engine.jars` again."
            ) from late
        absent = [jar for jar in jars if not (scratch / jar.file_name).is_file()]
        if absent:
            names = ", ".join(f"{jar.org}:{jar.name}:{jar.version}" for jar in absent)
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
            raise JarError(
                f"Not fetched: {names}. Check the network (behind a mirror, let the setting "
                f"engine.ivy_settings name an Ivy settings file), or put the files into {folder} "
                f"yourself. Ivy said last:\n{tail}"
            )
        for jar in jars:
            verify(scratch / jar.file_name, jar)
            (scratch / jar.file_name).rename(folder / jar.file_name)


def _ivy_xml(jars: Sequence[Jar]) -> str:
    dependencies = "\n".join(
        f"    <dependency org={quoteattr(jar.org)} name={quoteattr(jar.name)} "
        f'rev={quoteattr(jar.version)} transitive="false"/>'
        for jar in jars
    )
    return (
        '<ivy-module version="2.0">\n'
        '  <info organisation="clickstream" module="engine"/>\n'
        '  <configurations><conf name="default"/></configurations>\n'
        f'  <dependencies defaultconf="default->master">\n{dependencies}\n  </dependencies>\n'
        "</ivy-module>\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Exit code of the command: 0, or 3 with the reason on standard error."""
    engine = settings().engine
    if arguments:
        engine = engine.model_copy(update={"jars_dir": Path(arguments[0])})
    try:
        paths = ensure_jars(engine)
    except ClickstreamError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{len(paths)} JARs verified in {paths[0].parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
