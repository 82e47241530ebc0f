"""STYLE, section 1: imports follow the layers, and each dangerous call has one home.

Reads the source as syntax trees, so that words in comments and docstrings do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_platform.settings import PROJECT_ROOT

PACKAGE = "clickstream_platform"
MAX_LINES = 300
# What a folder must not import; a name covers what lies below it.
FORBIDDEN_IMPORTS = {
    "transforms": ("partitions", "build", "assets", "storage", "resources", "engine"),
    "tables": ("partitions", "build", "assets", "storage", "resources", "engine", "transforms"),
}
WITHOUT_DAGSTER = ("transforms", "tables", "oracle")
ORACLE_MAY_IMPORT = ("settings", "errors", "hours", "oracle")  # or it would check us by ourselves
READS_ENVIRONMENT = {
    "settings.py": "the one place for all others",
    "engine/python_daemon.py": "lends its environment before anything heavy is imported",
    "engine/python_parent.py": "finds its socket there, as who asks it does",
}
SETS_ENVIRONMENT = {
    "settings.py": "tells Dagster where its home is",
    "automation/event_log.py": "Dagster asks a variable how many events it stores at once",
    "cli.py": "--home is handed to child processes as CLICKSTREAM_HOME",
    "engine/client.py": "pyspark decides by a variable which functions it builds",
    "engine/python_parent.py": "numpy and Arrow start threads unless variables say no",
    "engine/server.py": "the Spark client takes its token from a variable only",
    "engine/supervise.py": "the JVM hands the parent's socket on to its Python daemons",
}
WRITES_DELTA = {
    "storage/delta.py": "the one place of every Delta write",
    "engine/warmup.py": "writes a throw-away table to warm the JVM, outside the lake",
}
BANNED_NAMES = {
    "_jvm": "does not exist over Spark Connect",
    "sparkContext": "does not exist over Spark Connect",
    "asset_sensor": "sees one event where many hours changed",
}


def problems(name: str, source: str) -> list[str]:
    """What breaks a rule in the file `name`, a path inside the package, as `name:line: words`."""
    tree = ast.parse(source)
    found = [*_imports(name, tree), *_environment(name, tree), *_calls(name, tree)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name | ast.alias):
            word = _word(node)
            if word in BANNED_NAMES:
                found.append((node.lineno, f"`{word}` {BANNED_NAMES[word]}"))
    count = source.count("\n")
    if count > MAX_LINES:
        found.append((count, f"is longer than {MAX_LINES} lines: divide it"))
    return [f"{name}:{line}: {words}" for line, words in sorted(found)]


def _imports(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    layer = name.split("/", maxsplit=1)[0]
    for line, module in _imported(name, tree):
        root, _, inner = module.partition(".")
        if layer in WITHOUT_DAGSTER and root.startswith("dagster"):
            yield line, f"{layer} imports {module}"
        if root != PACKAGE:
            continue
        if _is_below(inner, FORBIDDEN_IMPORTS.get(layer, ())):
            yield line, f"{layer} imports {inner}: against the arrows"
        if layer == "oracle" and not _is_below(inner, ORACLE_MAY_IMPORT):
            yield line, f"oracle imports {inner}: it must not share what it checks"


def _imported(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every module, with the names taken from it: `from package import tables` is one of tables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = Path(name).parts[: -node.level]
                base = ".".join([PACKAGE, *above, *([base] if base else [])])
            if base == PACKAGE:
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base


def _is_below(inner: str, layers: tuple[str, ...]) -> bool:
    return inner.split(".", maxsplit=1)[0] in layers


def _environment(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    settings_only = "only settings.py reads the environment"
    stored = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            stored.add(id(node.value))
    for node in ast.walk(tree):
        word = _word(node)
        if isinstance(node, ast.alias | ast.Attribute) and word in {"getenv", "getenvb"}:
            if name not in READS_ENVIRONMENT:
                yield node.lineno, settings_only
        elif isinstance(node, ast.alias | ast.Attribute) and word in {"environ", "environb"}:
            if id(node) not in stored and name not in READS_ENVIRONMENT:
                yield node.lineno, settings_only
            if id(node) in stored and name not in SETS_ENVIRONMENT:
                yield node.lineno, "sets an environment variable without a written reason"


def _calls(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.alias) and node.name == "write_deltalake":
            writes = True
        else:
            writes = isinstance(node, ast.Call) and _writes_delta(node)
        if writes and name not in WRITES_DELTA:
            yield getattr(node, "lineno", 0), "only storage/delta.py writes Delta"
        if isinstance(node, ast.Call) and _word(node.func) == "eager":
            yield node.lineno, "`eager()` sees only the latest hour"


def _writes_delta(call: ast.Call) -> bool:
    """`write_deltalake(…)`, `….write….format("delta")`, `….writeStream.format("delta")`."""
    if _word(call.func) == "write_deltalake":
        return True
    is_delta = any(isinstance(a, ast.Constant) and a.value == "delta" for a in call.args)
    if _word(call.func) != "format" or not is_delta:
        return False
    return any(_word(part) in {"write", "writeStream"} for part in ast.walk(call.func))


def _word(node: ast.AST) -> str:
    """The last word of a name: `os.environ` and `environ` are both `environ`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    return node.name if isinstance(node, ast.alias) else ""


def _package_files() -> list[Path]:
    return sorted((PROJECT_ROOT / PACKAGE).rglob("*.py"))


def test_the_package_keeps_to_its_architecture() -> None:
    files = _package_files()
    assert len(files) > 50
    found = [
        problem
        for path in files
        for problem in problems(
            path.relative_to(PROJECT_ROOT / PACKAGE).as_posix(), path.read_text()
        )
    ]
    assert not found, "\n" + "\n".join(found)


def test_every_exception_is_still_needed() -> None:
    for name in {*SETS_ENVIRONMENT, *WRITES_DELTA, *READS_ENVIRONMENT}:
        source = (PROJECT_ROOT / PACKAGE / name).read_text()
        environment = name in SETS_ENVIRONMENT or name in READS_ENVIRONMENT
        words = ("os.environ",) if environment else ("write_deltalake", ".write.")
        assert any(word in source for word in words), f"{name} needs no exception any more"


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("transforms/a.py", "import dagster as dg", "transforms imports dagster"),
        ("tables/a.py", "from dagster_pyspark import X", "tables imports dagster_pyspark"),
        ("transforms/a.py", "from clickstream_platform.storage import delta", "imports storage"),
        ("tables/a.py", "from clickstream_platform import partitions", "imports partitions"),
        ("tables/a.py", "from ..engine.client import connect", "imports engine"),
        (
            "transforms/a.py",
            "def f():\n    from clickstream_platform.build import bronze",
            "a.py:2: transforms imports build",
        ),
        ("oracle/a.py", "from clickstream_platform.tables.gold import X", "oracle imports tables"),
        (
            "oracle/a.py",
            "import clickstream_platform.transforms.judge",
            "oracle imports transforms",
        ),
        ("build/a.py", "import os\nhome = os.environ['HOME']", "a.py:2: only settings.py reads"),
        ("build/a.py", "import os\nos.environ.get('A')", "only settings.py reads"),
        ("build/a.py", "from os import getenv", "only settings.py reads"),
        ("build/a.py", "import os\nos.environ['A'] = 'b'", "sets an environment variable"),
        ("build/a.py", "from deltalake import write_deltalake", "only storage/delta.py writes"),
        (
            "build/a.py",
            "rows.write.mode('append').format('delta').save(path)",
            "only storage/delta.py writes",
        ),
        ("build/a.py", "rows.writeStream.format('delta')", "only storage/delta.py writes"),
        ("build/a.py", "spark._jvm.java", "`_jvm`"),
        ("build/a.py", "spark.sparkContext", "`sparkContext`"),
        ("automation/a.py", "dg.AutomationCondition.eager()", "`eager()`"),
        ("automation/a.py", "@dg.asset_sensor(asset_key=key)\ndef f(): ...", "`asset_sensor`"),
        ("build/a.py", "x = 1\n" * 301, "longer than 300 lines"),
    ],
)
def test_a_breach_is_found(name: str, source: str, words: str) -> None:
    found = problems(name, source)
    assert len(found) == 1, found
    assert words in found[0]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("transforms/a.py", "from clickstream_platform.tables.gold import X"),
        ("oracle/a.py", "from clickstream_platform.settings import settings"),
        ("build/a.py", "from clickstream_platform.storage import delta\nimport dagster as dg"),
        ("build/a.py", "spark.read.format('delta').load(path)"),
        ("build/a.py", '"""Never os.environ, eager() or sparkContext."""'),
        ("build/a.py", "x = 1\n" * 300),
        ("settings.py", "import os\nos.environ.get('CLICKSTREAM_CONFIG')"),
    ],
)
def test_what_is_allowed_passes(name: str, source: str) -> None:
    assert problems(name, source) == []
