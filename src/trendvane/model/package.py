"""A model package: the folder that serving loads, verified before anything in it is used. No pickle anywhere.

- ``model.onnx``: int8, one file; inputs input_ids and attention_mask (int64, batch x length), output logits
  (float32, batch x 3).
- ``tokenizer.json``: of the ``tokenizers`` library.
- ``package.json``: the manifest: labels, text version, temperature, confusion, share prior, sha256 of files.
- ``golden.jsonl``: texts with the probabilities they must get.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from trendvane.domain.errors import ModelPackageError
from trendvane.domain.sentiment import LABELS
from trendvane.domain.text import TEXT_VERSION
from trendvane.model.onnxfile import refers_outside

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
MODEL, TOKENIZER, GOLDEN, MANIFEST = "model.onnx", "tokenizer.json", "golden.jsonl", "package.json"
MIN_GOLDEN = 64
MAX_LENGTH = 8_192  # word pieces; the longest context of the encoders we fine-tune
_FILES = (MODEL, TOKENIZER, GOLDEN)
_MANIFEST_LIMIT = 1 << 20  # bytes
_REMEDY = "Restore the package from where it was made, or serve another version (trendvane model rollback)."


@dataclass(frozen=True, slots=True)
class Golden:
    """A text and the probabilities (negative, neutral, positive) the package gave it when it was made."""

    text: str
    p: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A verified package.

    Attributes:
        root: Its folder.
        name, version: Of the model.
        text_version: The ``domain.text`` it was trained with.
        max_length: Word pieces the model reads of a text.
        temperature: Divides the logits before the softmax; above 0.
        languages: BCP 47 tags it was trained on.
        confusion: Counts on the frozen set, truth in rows, in the order of ``LABELS``.
        metrics: Figures on the frozen set, as printed in the model card.
        share_prior: Constants of ``insight.shares``, and the command that made them.
        encoder: What was fine-tuned, and its licence.
        golden: At least ``MIN_GOLDEN`` rows.
        sha256: Of each file.
        reference: What ``insight.drift`` compares with; empty in packages made before there was one.
    """

    root: Path
    name: str
    version: str
    text_version: int
    max_length: int
    temperature: float
    languages: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    metrics: Mapping[str, Any]
    share_prior: Mapping[str, Any]
    encoder: Mapping[str, Any]
    golden: tuple[Golden, ...]
    sha256: Mapping[str, str]
    reference: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.root / MODEL

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer's file."""
        return self.root / TOKENIZER

    @property
    def identity(self) -> str:
        """Name and version, such as ``starter-1``; the ``model_version`` of everything it scores."""
        return f"{self.name}-{self.version}"


def starter_path() -> Path:
    """Folder of the package shipped with the project."""
    return Path(str(files("trendvane.model"))) / "starter"


def load(path: Path) -> ModelPackage:
    """Read and verify the package in the folder ``path``.

    Raises:
        ModelPackageError: a file is missing, altered, a link, or does not say what this version understands.
    """
    manifest = _manifest(_read(path, MANIFEST, limit=_MANIFEST_LIMIT))
    _check_meaning(manifest)
    contents = {name: _read(path, name) for name in _FILES}
    for name, data in contents.items():
        if hashlib.sha256(data).hexdigest() != manifest["sha256"][name]:
            _refuse(f"{name} is not the file its manifest names: its sha256 differs.")
    _check_model(contents[MODEL])
    return ModelPackage(
        root=path,
        name=manifest["name"],
        version=manifest["version"],
        text_version=manifest["text_version"],
        max_length=manifest["max_length"],
        temperature=float(manifest["temperature"]),
        languages=tuple(manifest["languages"]),
        confusion=tuple(tuple(row) for row in manifest["confusion"]),
        metrics=manifest["metrics"],
        share_prior=manifest["share_prior"],
        encoder=manifest["encoder"],
        golden=_golden(contents[GOLDEN]),
        sha256=manifest["sha256"],
        reference=manifest.get("reference", {}),
    )


def write_manifest(root: Path, manifest: Mapping[str, Any]) -> Path:
    """Hash the package's files and write ``package.json`` last, so that a half-made package never loads.

    Args:
        root: Folder with the other three files.
        manifest: Everything but ``format``, ``labels`` and ``sha256``, which are added.
    """
    hashes = {name: hashlib.sha256(_read(root, name)).hexdigest() for name in _FILES}
    whole = {"format": FORMAT, **manifest, "labels": list(LABELS), "sha256": hashes}
    _check_meaning(whole)
    target, temporary = root / MANIFEST, root / f".{MANIFEST}.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)
    return target


def _refuse(what: str, remedy: str = _REMEDY) -> NoReturn:
    raise ModelPackageError(f"Model package refused: {what}", remedy=remedy)


def _read(root: Path, name: str, limit: int | None = None) -> bytes:
    file = root / name
    if file.is_symlink():
        _refuse(f"{name} is a symbolic link.", "Copy the file itself into the package.")
    if not file.is_file():
        _refuse(f"{name} is missing in {root}.")
    if limit is not None and file.stat().st_size > limit:
        _refuse(f"{name} is larger than {limit} bytes.")
    return file.read_bytes()


def _manifest(data: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(data, parse_constant=lambda name: _refuse(f"{MANIFEST} holds {name}."))
    except (ValueError, RecursionError) as error:
        _refuse(f"{MANIFEST} is not JSON ({error}).")
    if not isinstance(manifest, dict):
        _refuse(f"{MANIFEST} is not an object.")
    return manifest


def _check_meaning(manifest: Mapping[str, Any]) -> None:
    if manifest.get("format") != FORMAT:
        _refuse(f"format {manifest.get('format')!r}, this version reads {FORMAT}.", "Export the model again.")
    if manifest.get("labels") != list(LABELS):
        _refuse(f"labels {manifest.get('labels')!r}, not {list(LABELS)}.", "Export the model again.")
    if manifest.get("text_version") != TEXT_VERSION:
        _refuse(
            f"text version {manifest.get('text_version')!r}, this version prepares {TEXT_VERSION}.",
            "Train it again, or install the version of trendvane that made it.",
        )
    checks = {
        "name": _is_text(manifest.get("name")),
        "version": _is_text(manifest.get("version")),
        "max_length": _is_count(manifest.get("max_length")) and 0 < manifest["max_length"] <= MAX_LENGTH,
        "temperature": _is_positive(manifest.get("temperature")),
        "languages": _is_languages(manifest.get("languages")),
        "confusion": _is_confusion(manifest.get("confusion")),
        "sha256": isinstance(manifest.get("sha256"), dict) and set(manifest["sha256"]) == set(_FILES),
        **{key: isinstance(manifest.get(key), dict) for key in ("metrics", "share_prior", "encoder")},
        "reference": isinstance(manifest.get("reference", {}), dict),
    }
    wrong = [key for key, good in checks.items() if not good]
    if wrong:
        _refuse(f"{MANIFEST} has no usable {', '.join(wrong)}.")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100  # noqa: PLR2004 - a name, not a story


def _is_languages(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_confusion(value: object) -> bool:
    size = len(LABELS)
    return (
        isinstance(value, list)
        and len(value) == size
        and all(isinstance(row, list) and len(row) == size and all(map(_is_count, row)) for row in value)
    )


def _check_model(data: bytes) -> None:
    try:
        outside = refers_outside(data)
    except ValueError as error:
        _refuse(f"{MODEL} is not an ONNX file ({error}).")
    if outside:
        _refuse(f"{MODEL} keeps weights in another file.", "Export it as one file (external_data=False).")


def _golden(data: bytes) -> tuple[Golden, ...]:
    try:
        rows = [json.loads(line) for line in data.decode("utf-8").splitlines() if line.strip()]
        golden = tuple(Golden(str(row["text"]), _probabilities(row["p"])) for row in rows)
    except (ValueError, TypeError, KeyError) as error:
        _refuse(f"{GOLDEN} has a row that cannot be read ({error}).")
    if len(golden) < MIN_GOLDEN:
        _refuse(f"{GOLDEN} has {len(golden)} rows, fewer than {MIN_GOLDEN}.")
    return golden


def _probabilities(values: Any) -> tuple[float, float, float]:
    negative, neutral, positive = (float(v) for v in values)
    if not math.isclose(negative + neutral + positive, 1.0, abs_tol=1e-3):
        raise ValueError("probabilities do not sum to 1")
    return negative, neutral, positive
