"""Finds what the engine runs on: Java and the Spark inside the pyspark package."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.settings import user_environment

OLDEST_JAVA = 17
INSTALL_HINT = (
    "Install Java 17 or newer (Debian, Ubuntu: apt-get install openjdk-17-jre-headless) or let "
    "JAVA_HOME name it."
)


class JavaMissingError(EnvironmentProblemError):
    """No Java, or one too old for Spark 4."""


def find_java() -> Path:
    """The `java` of JAVA_HOME, else of PATH, checked to be version 17 or newer.

    Raises: JavaMissingError with the package to install.
    """
    home = user_environment().get("JAVA_HOME")
    named = Path(home) / "bin" / "java" if home else None
    if named is not None and not named.is_file():
        raise JavaMissingError(f"JAVA_HOME is {home}, but {named} does not exist. {INSTALL_HINT}")
    found = str(named) if named is not None else shutil.which("java")
    if found is None:
        raise JavaMissingError(f"Spark needs Java, and there is no `java` in PATH. {INSTALL_HINT}")
    version = java_version(Path(found))
    if version < OLDEST_JAVA:
        raise JavaMissingError(f"{found} is Java {version}, which is too old. {INSTALL_HINT}")
    return Path(found)


def java_version(java: Path) -> int:
    """The feature version, such as 17; 0 if `java` does not tell one."""
    said = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False)
    match = re.search(r'version "(\d+)(?:\.(\d+))?', said.stderr + said.stdout)
    if match is None:
        return 0
    return int(match.group(2) or 0) if match.group(1) == "1" else int(match.group(1))


def spark_home() -> Path:
    """The folder of the installed pyspark package, found without importing it."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise EnvironmentProblemError(
            "The pyspark package is not installed in this Python. Run `make setup`."
        )
    return Path(spec.origin).parent
