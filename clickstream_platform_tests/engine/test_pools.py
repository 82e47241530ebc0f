"""Jobs of the background pool give way to all others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from clickstream_platform.engine.client import background_session, shared_session
from clickstream_platform.settings import Settings

pytestmark = [pytest.mark.slow]
TASKS, TASK_S = 60, 0.4  # on two cores 12 s, in which a small job must come to its turn


def sleep_in(session: SparkSession, tasks: int) -> int:
    """Tasks that only wait; the number of their rows."""

    def wait(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            time.sleep(TASK_S)
            yield batch

    return session.range(0, tasks, 1, tasks).mapInArrow(wait, "id bigint").count()


def test_a_small_job_does_not_wait_for_those_of_the_background(engine_settings: Settings) -> None:
    session = shared_session(engine_settings)
    behind = background_session(engine_settings)
    assert behind is not session
    assert behind is background_session(engine_settings)
    sleep_in(session, 2)  # its Python workers are there and its plan is compiled
    counts: list[int] = []
    long = threading.Thread(target=lambda: counts.append(sleep_in(behind, TASKS)))
    long.start()
    time.sleep(2 * TASK_S)

    assert sleep_in(session, 2) == 2
    assert counts == [], "the long job was begun before, and is still at work"

    long.join()
    assert counts == [TASKS]
