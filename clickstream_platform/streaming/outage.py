"""Tells an outage, which ends by itself or by other hands, from a failure of what is worked on."""

from __future__ import annotations

from grpc import RpcError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.streaming.full_disk import is_full


def is_lost(session: SparkSession | None, error: Exception) -> bool:
    """True if the engine does not answer in this session: then `error` is not the data's fault.

    Its own words do not tell: what a lost engine was asked last fails in many ways. Only a full
    disk is known by them: the engine answers then, and no line is to blame either.
    """
    if isinstance(error, EnvironmentProblemError) or is_full(error):
        return True
    if session is None:
        return False
    try:
        session.conf.get("spark.sql.session.timeZone")
    except (PySparkException, RpcError):
        return True
    return False


def names_brokers(error: BaseException) -> bool:
    """True if Kafka's client in the engine waited for its brokers in vain; they may be back."""
    return "org.apache.kafka.common.errors.TimeoutException" in str(error)


def first_line(error: BaseException) -> str:
    """What a heartbeat or a log says of it."""
    if is_full(error):
        return f"The disk is full; make room, and the stream goes on by itself: {_words(error)}"
    return _words(error)


def _words(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
