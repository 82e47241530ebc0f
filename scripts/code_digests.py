"""A digest of the code that decides the rows of each layer, pinned beside the number that stands
for that code in `ops/hour_state`: who changes the one is asked about the other.

Without arguments it prints what has changed and exits 1 if anything has; `--write` pins it.
Comments, docstrings, formatting, imports and what the columns' descriptions say do not count.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "clickstream_platform"
PINNED = ROOT / PACKAGE / "build" / "code_digests.json"
LEFT_OUT = ("tables.contract",)  # how a table is described: no rows follow from it
ENRICHMENT = ("transforms.enrichment",)  # its columns come from silver, which has its own number


@dataclass(frozen=True)
class Layer:
    """Where the code of a layer begins, `module` or `module:name`, and which numbers stand for it.

    What a beginning imports of transforms belongs to it, and what transforms import.
    """

    starts: tuple[str, ...]
    numbers: tuple[str, ...]
    of_others: tuple[str, ...] = ()


LAYERS = {
    "silver": Layer(
        ("build.silver:judged_lines", "build.silver_lines", "build.repaired"),
        (
            "tables.silver:RULES_VERSION",
            "tables.silver:COLUMNS_VERSION",
            "tables.enrichment:ENRICHMENT_VERSION",
        ),
    ),
    "gold": Layer(
        ("build.gold:DEFINITIONS", "build.daily:DEFINITIONS", "build.window", "build.facts"),
        ("build.workspace:GOLD_CODE",),
        of_others=ENRICHMENT,
    ),
    "catalogue": Layer(("transforms.catalogue",), ("build.workspace:CATALOGUE_CODE",), ENRICHMENT),
}
Found = dict[str, dict[str, object]]


class _Rows(ast.NodeTransformer):
    """Leaves of a module what rows can follow from."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        found = super().generic_visit(node)
        body = getattr(found, "body", None)
        if isinstance(body, list):
            kept = [part for part in body if not isinstance(part, ast.Import | ast.ImportFrom)]
            if kept and ast.get_docstring(ast.Module(kept, []), clean=False) is not None:
                kept = kept[1:]
            found.body = kept  # type: ignore[attr-defined]  # it has one
        return found

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "column":
            node.args = []  # its description
        return self.generic_visit(node)


def found(root: Path = ROOT) -> Found:
    """Of each layer the numbers that stand for its code, and the code's digest."""
    return {
        name: {
            "numbers": {number.partition(":")[2]: _value(root, number) for number in layer.numbers},
            "digest": _digest(root, layer),
        }
        for name, layer in LAYERS.items()
    }


def pinned() -> Found:
    """What `found` was when somebody last looked."""
    known: Found = json.loads(PINNED.read_text())
    return known


def differences(now: Mapping[str, object], then: Mapping[str, object]) -> list[str]:
    """What to do about each layer that is not as it was pinned, in words."""
    return [
        f"The code that decides the rows of {name} has changed. If rows may differ now, raise "
        f"{' or '.join(LAYERS[name].numbers)}, or hours that are built keep their old rows. "
        "Then, or if they cannot differ: make digests."
        for name in LAYERS
        if now[name] != then.get(name)
    ]


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    now = found()
    if "--write" in arguments:
        PINNED.write_text(json.dumps(now, indent=2) + "\n")
        return 0
    told = differences(now, pinned())
    print("\n".join(told) or "As it was pinned.")
    return 1 if told else 0


def _digest(root: Path, layer: Layer) -> str:
    parts = {start: _code(root, start) for start in layer.starts}
    waiting = [
        module
        for start in layer.starts
        for module in _imported(root, start.partition(":")[0])
        if module.startswith("transforms.")
    ]
    while waiting:
        module = waiting.pop()
        if module in parts or module in (*LEFT_OUT, *layer.of_others):
            continue
        parts[module] = _code(root, module)
        if not module.startswith("tables."):
            waiting += _imported(root, module)
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _code(root: Path, place: str) -> str:
    """The part of a module that counts, and the list that lies beside it under its name."""
    module, _, name = place.partition(":")
    tree = _tree(root, module)
    if name:
        tree = ast.Module([part for part in tree.body if name in _names(part)], [])
        if not tree.body:
            raise SystemExit(f"{module} has no {name}: name what LAYERS of {__file__} means.")
    lists = _path(root, module).with_suffix(".yaml")
    beside = lists.read_text() if lists.exists() else ""
    return ast.dump(_Rows().visit(tree)) + beside


def _imported(root: Path, module: str) -> Iterator[str]:
    """Modules of transforms, tables and sources that `module` imports."""
    for node in ast.walk(_tree(root, module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            layer, _, rest = node.module.removeprefix(f"{PACKAGE}.").partition(".")
            if layer in ("transforms", "tables", "sources"):
                names = [rest] if rest else [alias.name for alias in node.names]
                yield from (f"{layer}.{name}" for name in names)


def _value(root: Path, number: str) -> object:
    module, _, name = number.partition(":")
    for part in _tree(root, module).body:
        if isinstance(part, ast.Assign) and name in _names(part):
            return ast.literal_eval(part.value)
    raise SystemExit(f"{module} has no {name}: name what LAYERS of {__file__} means.")


def _names(part: ast.stmt) -> set[str]:
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return {part.name}
    targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _tree(root: Path, module: str) -> ast.Module:
    return ast.parse(_path(root, module).read_text())


def _path(root: Path, module: str) -> Path:
    return root / PACKAGE / f"{module.replace('.', '/')}.py"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
