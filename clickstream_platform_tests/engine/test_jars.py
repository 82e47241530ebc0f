import hashlib
from pathlib import Path

import pytest

from clickstream_platform.engine.jars import Jar, JarError, ensure_jars, pinned_jars
from clickstream_platform.engine.java import JavaMissingError, find_java
from clickstream_platform.settings import EngineSettings

PIN = Jar(org="org.example", name="thing", version="1.0", sha256="0" * 64)


def test_the_pins_are_deltas_jars_of_one_version_and_the_kafka_connectors() -> None:
    pins = pinned_jars()
    delta = [jar for jar in pins if jar.org == "io.delta"]
    assert {jar.version for jar in delta} == {"4.4.0"}
    assert sorted(jar.name for jar in delta) == [
        "delta-kernel-api",
        "delta-kernel-defaults",
        "delta-kernel-unitycatalog",
        "delta-spark_4.2_2.13",
        "delta-storage",
    ]
    assert {jar.file_name for jar in pins if jar not in delta} == {
        "spark-sql-kafka-0-10_2.13-4.2.0.jar",
        "spark-token-provider-kafka-0-10_2.13-4.0.0.jar",
        "kafka-clients-3.9.2.jar",
        "commons-pool2-2.13.1.jar",
    }


def test_a_wrong_checksum_names_the_file_both_sums_and_the_fix(tmp_path: Path) -> None:
    (tmp_path / PIN.file_name).write_bytes(b"not the pinned file")
    with pytest.raises(JarError) as caught:
        ensure_jars(EngineSettings(jars_dir=tmp_path), [PIN])
    message = str(caught.value)
    assert str(tmp_path / "thing-1.0.jar") in message
    assert hashlib.sha256(b"not the pinned file").hexdigest() in message
    assert PIN.sha256 in message
    assert "Delete the file" in message


def test_without_java_the_message_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JavaMissingError, match="openjdk-17-jre-headless"):
        find_java()


def test_an_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(JavaMissingError, match="Java 11"):
        find_java()
