"""Landing files: `DIR/<source>/<ingest hour>/<name>.<ext>`, complete from the moment they show."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from clickstream_platform.generator.shapes.shape import Shape

EXTENSION = {"json": "jsonl", "csv": "csv", "parquet": "parquet", "log": "log"}


class LandingWriter:
    """Writes the files of one call; `prefix` keeps apart the files of several calls."""

    def __init__(self, out: Path, shape: Shape, file_format: str, *, prefix: str) -> None:
        self._out, self._shape, self._format, self._prefix = out, shape, file_format, prefix
        self._written: Counter[str] = Counter()

    def write(self, hour: str, lines: list[str]) -> str:
        """The path, relative to the output folder, of a new file with these lines."""
        number = self._written[hour]
        self._written[hour] += 1
        name = f"{self._prefix}-{number:04d}.{EXTENSION[self._format]}"
        path = self._out / self._shape.source_of(self._format) / hour / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(name + ".tmp")
        unfinished.write_bytes(self._encoded(lines))
        unfinished.rename(path)
        return path.relative_to(self._out).as_posix()

    def _encoded(self, lines: list[str]) -> bytes:
        has_header = self._format == "csv" and self._shape.has_header
        header = [self._shape.delimiter.join(self._shape.columns)] if has_header else []
        encoded = ("\n".join([*header, *lines]) + "\n").encode("utf-8", "surrogateescape")
        return encoded if self._format != "parquet" else self._as_parquet(encoded)

    def _as_parquet(self, encoded: bytes) -> bytes:
        """The same lines as rows; a field that a line lacks is null."""
        table = pa_json.read_json(
            io.BytesIO(encoded),
            read_options=pa_json.ReadOptions(use_threads=False, block_size=len(encoded) + 1),
            parse_options=pa_json.ParseOptions(
                explicit_schema=self._shape.parquet,
                unexpected_field_behavior="error" if self._shape.parquet else "infer",
            ),
        )
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="snappy")
        return sink.getvalue().to_pybytes()
