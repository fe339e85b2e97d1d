"""The page's own files: vendored libraries are what they claim, and nothing in them reaches elsewhere."""

import hashlib
import re
from pathlib import Path

import pytest

import trendvane.serve

STATIC = Path(trendvane.serve.__file__).parent / "static"
OURS = sorted([*STATIC.glob("*.*"), *(STATIC / "js").iterdir()])


def test_vendored_files_are_unaltered():
    sums = (STATIC / "vendor" / "SHA256SUMS").read_text().split()
    listed = dict(zip((name.removeprefix("./") for name in sums[1::2]), sums[::2], strict=True))
    found = [path for path in (STATIC / "vendor").iterdir() if path.suffix in {".js", ".css"}]
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found} == listed


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_our_files_are_short_and_inject_nothing(path):
    text = path.read_text()
    if path.suffix == ".js":
        assert len(text.splitlines()) <= 300
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert danger not in text, f"{path.name} uses {danger}"


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path):
    loads = re.findall(r"""(?:src|import|from|url\(|fetch\()\s*[=(]?\s*["']?(https?:)?//""", path.read_text())
    assert loads == []


@pytest.mark.parametrize("name", ["index.html", "review.html"])
def test_no_inline_script_or_style(name):
    page = (STATIC / name).read_text()
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\son\w+=", page)
