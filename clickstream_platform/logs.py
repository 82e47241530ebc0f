"""Structured logs: one JSON object a line, one file a service.

Data: `<home>/logs/<service>.jsonl`, older ones `.1` to `.5`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import click
import structlog
from filelock import FileLock
from structlog.typing import EventDict, Processor, WrappedLogger

from clickstream_platform.settings import Settings

PREFIX = "clickstream"
ROTATE_BYTES = 10 * 1024 * 1024
FILES_KEPT = 5
FIRST_FIELDS = ("ts", "level", "service", "run_id", "event")


class SharedRotatingFileHandler(RotatingFileHandler):
    """Rotates by size; processes that share a file follow each other's rotations."""

    def emit(self, record: logging.LogRecord) -> None:
        if self._was_moved():
            self._reopen()
        super().emit(record)

    def doRollover(self) -> None:
        path = Path(self.baseFilename)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if self._was_moved():
                self._reopen()
            else:
                super().doRollover()

    def _was_moved(self) -> bool:
        if self.stream is None:
            return False
        path = Path(self.baseFilename)
        if not path.exists():
            return True
        return not os.path.samestat(path.stat(), os.fstat(self.stream.fileno()))

    def _reopen(self) -> None:
        if self.stream is not None:
            self.stream.close()
        self.stream = self._open()


def configure(
    settings: Settings,
    service: str,
    *,
    run_id: str | None = None,
    verbose: bool | None = None,
    on_stderr: bool = True,
) -> Path:
    """The file that the `clickstream` loggers of this process write to from now on.

    Messages of other libraries stay where they were. Without `verbose` the command line's
    `--verbose` decides whether standard error shows INFO or only WARNING and above. A second call
    replaces the first.
    """
    settings.logs.mkdir(parents=True, exist_ok=True)
    path = settings.logs / f"{service}.jsonl"
    own: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    structlog.configure(
        processors=[
            *own,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    foreign: list[Processor] = [*own, structlog.stdlib.ExtraAdder()]
    logger = logging.getLogger(PREFIX)
    for handler in [*logger.handlers]:
        if getattr(handler, "is_ours", False):
            logger.removeHandler(handler)
            handler.close()
    handlers: list[logging.Handler] = [_file_handler(path, service, run_id, foreign)]
    if on_stderr:
        shows_info = _is_verbose() if verbose is None else verbose
        handlers.append(_stderr_handler(logging.INFO if shows_info else logging.WARNING, foreign))
    for handler in handlers:
        handler.is_ours = True  # type: ignore[attr-defined]
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return path


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger of ours; keyword arguments of its calls become fields of the line."""
    return structlog.stdlib.get_logger(name if name.startswith(PREFIX) else f"{PREFIX}.{name}")


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Lines written inside carry `fields`, such as `run_id`, whoever writes them."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def _file_handler(
    path: Path, service: str, run_id: str | None, foreign: list[Processor]
) -> logging.Handler:
    def with_origin(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        del logger, method
        event.setdefault("run_id", run_id)
        event["service"] = service
        return {name: event.pop(name, None) for name in FIRST_FIELDS} | dict(event)

    handler = SharedRotatingFileHandler(
        path, maxBytes=ROTATE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=True
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=foreign,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                with_origin,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    return handler


def _stderr_handler(level: int, foreign: list[Processor]) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=foreign,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(),
                    timestamp_key="ts",
                    exception_formatter=structlog.dev.plain_traceback,
                ),
            ],
        )
    )
    return handler


def _is_verbose() -> bool:
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    given: dict[str, Any] = context.find_root().params
    return bool(given.get("verbose"))
