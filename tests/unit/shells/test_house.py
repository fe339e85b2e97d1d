"""The house rules that linters do not know."""

from __future__ import annotations

import ast
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
# Migrations are a schema written out, never edited and never read as a story.
READ = [path for path in SOURCES if "migrations" not in path.parts]
MAX_MODULE, MAX_FUNCTION, MEDIAN_MODULE = 300, 40, 120
PATCHES_PER_TEST = 0.05


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", READ, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_module_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_MODULE, f"{path} is too long: split it by idea"
    for function in functions(ast.parse(text)):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= MAX_FUNCTION, (
            f"{path}:{function.lineno} {function.name} is too long ({length} lines)"
        )


def test_median_module_is_short() -> None:
    assert statistics.median(len(p.read_text().splitlines()) for p in SOURCES) <= MEDIAN_MODULE


def test_no_utils() -> None:
    assert not [p for p in SOURCES if p.stem in {"utils", "helpers", "common", "misc"}]


def test_fakes_not_patches() -> None:
    tests = patches = 0
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text()
        tests += sum(f.name.startswith("test_") for f in functions(ast.parse(text)))
        if path != Path(__file__):
            patches += text.count("monkeypatch.set") + text.count("mock.patch")
    assert patches <= PATCHES_PER_TEST * tests


def test_importing_does_nothing() -> None:
    """Every module that needs no training extra imports without opening a socket or a file for writing."""
    names = [".".join(p.relative_to(ROOT / "src").with_suffix("").parts) for p in SOURCES]
    wanted = [n for n in names if "migrations" not in n and not n.endswith("__main__")]
    code = """
import sys
def guard(event, args):
    if event in {"socket.connect", "socket.bind", "os.mkdir", "subprocess.Popen"}:
        raise RuntimeError(event + str(args))
    if event == "open" and set(str(args[1])) & set("wa+x") and ".pyc" not in str(args[0]):
        raise RuntimeError(event + str(args))
import importlib
sys.addaudithook(guard)
sys.dont_write_bytecode = True
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}  # noqa: TID251
    done = subprocess.run(
        [sys.executable, "-c", code, *wanted], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_registry_address_in_the_repository() -> None:
    for path in [*(ROOT / "requirements").iterdir(), ROOT / "pyproject.toml", ROOT / "Makefile"]:
        assert "index-url" not in path.read_text(), path
