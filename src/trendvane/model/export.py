"""From a fine-tuned folder to a model package: ONNX, temperature, golden rows. Needs the extra ``train``."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trendvane.domain.errors import ModelPackageError
from trendvane.domain.text import TEXT_VERSION, prepare
from trendvane.model import measures
from trendvane.model.finetune import RECIPES, Recipe, read_examples, read_report
from trendvane.model.goldentexts import GOLDEN_TEXTS
from trendvane.model.package import GOLDEN, MODEL, TOKENIZER, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trendvane.model.finetune import Example


Describe = Callable[["NDArray[np.float64]", "Sequence[str]"], "Mapping[str, Any]"]
_CALIBRATION = 512  # texts that show which features grow large
# What int8 may cost of macro F1 on the dev rows, and how many answers it may change, before float32 takes its
# place. The starter changes 1.5 % of them.
_MAX_LOSS, _MAX_CHANGED = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Release:
    """What a person decides about a package.

    Attributes:
        name, version: Of the model; together the ``model_version`` of everything it scores.
        languages: BCP 47 tags of the training rows.
        share_prior: Constants for ``insight.shares``, as made by its ``SharePrior.to_dict``.
        encoder: Name, licence and source of what was fine-tuned.
        snapshot: Id, hash and label counts of the data.
        training: How it was trained.
        describe: Makes the ``reference`` that drift is measured against, of calibrated probabilities (n x 3)
            and the texts of the dev rows.
    """

    name: str
    version: str
    share_prior: Mapping[str, Any]
    encoder: Mapping[str, Any]
    languages: tuple[str, ...] = ("en",)
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    describe: Describe | None = None


def export(
    trained: Path, recipe: Recipe, dev: Sequence[Example], out: Path, release: Release
) -> dict[str, Any]:
    """Write the package to ``out`` (new or empty) and return the figures that its manifest carries.

    Args:
        trained: Folder made by ``finetune.fine_tune``.
        recipe: The recipe it was trained by.
        dev: Rows the model was not trained on; they fit the temperature and give every figure.
        out: Folder of the package.
        release: Name, version, share prior.
    """
    if out.exists() and any(out.iterdir()):
        raise ModelPackageError(f"{out} is not empty.", remedy="Export to a new folder, then promote it.")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(trained / TOKENIZER, out / TOKENIZER)
    texts, truth = [e.text for e in dev], np.array([e.label for e in dev])
    logits, exact, trouble = _write_model(trained, recipe, dev, out)
    temperature = measures.fit_temperature(logits, truth)
    metrics = _metrics(logits, exact, truth, temperature)
    write_golden(out / GOLDEN, OnnxLogits(out / MODEL, out / TOKENIZER, recipe.max_length), temperature)
    manifest = {
        "name": release.name,
        "version": release.version,
        "text_version": TEXT_VERSION,
        "max_length": recipe.max_length,
        "temperature": temperature,
        "languages": list(release.languages),
        "confusion": measures.confusion_of(truth, logits.argmax(axis=1)).tolist(),
        "metrics": metrics,
        "share_prior": dict(release.share_prior),
        "encoder": dict(release.encoder),
        "precision": {"weights": "float32", "reason": trouble} if trouble else {"weights": "int8"},
        "snapshot": dict(release.snapshot),
        "training": dict(release.training),
    }
    if release.describe is not None:
        manifest["reference"] = release.describe(measures.softmax(logits, temperature), texts)
    write_manifest(out, manifest)
    return metrics


def _write_model(
    trained: Path, recipe: Recipe, dev: Sequence[Example], out: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32], str]:
    """Write the ONNX file; its logits (n x 3) of the dev rows, those of float32, and why it is not int8."""
    texts, truth = [e.text for e in dev], np.array([e.label for e in dev])
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "fp32.onnx"
        to_onnx(trained, recipe, texts[:_CALIBRATION], full)
        quantize(full, out / MODEL)
        exact = OnnxLogits(full, out / TOKENIZER, recipe.max_length)(texts)
        logits = OnnxLogits(out / MODEL, out / TOKENIZER, recipe.max_length)(texts)
        if not (trouble := int8_trouble(logits, exact, truth)):
            return logits, exact, ""
        shutil.copyfile(full, out / MODEL)
    return exact, exact, trouble


def release_trained(
    trained: Path, dev_csv: Path, out: Path, *, shares: Mapping[str, Any], version: str = "1"
) -> dict[str, Any]:
    """Export what ``finetune.fine_tune`` left in ``trained``, by its own recipe; return the figures.

    Args:
        trained: Folder with the weights and ``recipe.json``.
        dev_csv: Rows the model was not trained on.
        out: Folder of the package.
        shares: Constants for ``insight.shares``, fitted on this model's predictions.
        version: Of the package.

    Raises:
        ModelPackageError: ``trained`` holds no finished training.
    """
    recipe = read_report(trained)["recipe"]
    licence = "Apache-2.0" if recipe.encoder in {r.encoder for r in RECIPES.values()} else "unknown"
    encoder = {"name": recipe.encoder, "licence": licence}
    release = Release(recipe.name, version, share_prior=shares, encoder=encoder)
    return export(trained, recipe, read_examples(dev_csv), out, release)


class OnnxLogits:
    """Logits of texts, straight from an ONNX file; for measuring, where serving's engine is not wanted.

    Args:
        model: ONNX file.
        tokenizer: ``tokenizer.json``.
        max_length: Word pieces kept.
        batch: Texts at a time. int8 activations are scaled by batch, so this moves the third digit.
    """

    def __init__(self, model: Path, tokenizer: Path, max_length: int, batch: int = 64) -> None:
        import onnxruntime  # noqa: PLC0415 - slow to load, and only used here
        from tokenizers import Tokenizer  # noqa: PLC0415

        self._batch = batch
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(max_length)
        self._tokenizer.enable_padding()
        self._session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits (n x 3) of raw texts, in their order."""
        prepared = [prepare(t) for t in texts]
        order = sorted(range(len(prepared)), key=lambda i: len(prepared[i]))
        logits = np.empty((len(prepared), 3), dtype=np.float32)
        for start in range(0, len(order), self._batch):
            rows = order[start : start + self._batch]
            encoded = self._tokenizer.encode_batch([prepared[i] for i in rows])
            feed = {
                "input_ids": np.array([e.ids for e in encoded], dtype=np.int64),
                "attention_mask": np.array([e.attention_mask for e in encoded], dtype=np.int64),
            }
            logits[rows] = self._session.run(["logits"], feed)[0]
        return logits


def to_onnx(trained: Path, recipe: Recipe, texts: Sequence[str], target: Path) -> None:
    """Write the fine-tuned classifier as one float32 ONNX file with dynamic batch and length.

    ``texts`` show which features grow large; these are evened out, so that int8 can hold them (``smooth``).
    """
    import torch  # noqa: PLC0415 - optional extra

    from trendvane.model.network import LogitsOnly, encode, trained_classifier  # noqa: PLC0415
    from trendvane.model.smooth import smooth  # noqa: PLC0415

    # Attention spelled out ("eager") runs a twentieth faster in onnxruntime than the fused operator does.
    classifier = trained_classifier(trained, recipe, attention="eager")
    smooth(classifier, (batch for _, batch in encode(trained, texts, recipe.max_length)))
    model = LogitsOnly(classifier).eval()
    # Two rows of different length: a batch of one, or no padding, would be frozen into the graph.
    (_, rows), *_ = encode(trained, ["yes", "no, it is not"], recipe.max_length)
    ids, mask = rows["input_ids"], rows["attention_mask"]
    dims = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", max=recipe.max_length)}
    with _hushed():
        torch.onnx.export(
            model,
            (ids, mask),
            str(target),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamo=True,
            dynamic_shapes=(dims, dims),
            external_data=False,
            verbose=False,
        )


@contextmanager
def _hushed() -> Iterator[None]:
    """Exporters warn about their own deprecated internals, and about what is not installed."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def quantize(source: Path, target: Path) -> None:
    """Weights to int8, one scale a channel; activations are scaled as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - optional extra

    with _hushed():
        quantize_dynamic(str(source), str(target), per_channel=True, weight_type=QuantType.QInt8)


def int8_trouble(
    logits: NDArray[np.float32], exact: NDArray[np.float32], truth: NDArray[np.integer[Any]]
) -> str:
    """Why int8 must not be shipped, empty when it may: its logits (n x 3) beside the float32 ones."""
    if not np.isfinite(logits).all():
        return "int8 gave what is no number"
    answers, before = logits.argmax(axis=1), exact.argmax(axis=1)
    changed = float(np.mean(answers != before))
    loss = (
        measures.report(measures.confusion_of(truth, before))["macro_f1"]
        - measures.report(measures.confusion_of(truth, answers))["macro_f1"]
    )
    if changed > _MAX_CHANGED and loss > 0:
        return f"int8 changed {changed:.1%} of the answers"
    return f"int8 cost {loss:.4f} of macro F1" if loss > _MAX_LOSS else ""


def write_golden(target: Path, run: OnnxLogits, temperature: float) -> None:
    """Write the golden texts with the probabilities this machine gives them, each in a batch of its own."""
    rows = measures.softmax(np.concatenate([run([text]) for text in GOLDEN_TEXTS]), temperature)
    with target.open("w", encoding="utf-8") as file:
        for text, p in zip(GOLDEN_TEXTS, rows, strict=True):
            file.write(
                json.dumps({"text": text, "p": [round(float(v), 6) for v in p]}, ensure_ascii=False) + "\n"
            )


def _metrics(
    logits: NDArray[np.float32], exact: NDArray[np.float32], truth: NDArray[np.int64], temperature: float
) -> dict[str, Any]:
    p = measures.softmax(logits, temperature)
    full = measures.report(measures.confusion_of(truth, exact.argmax(axis=1)))
    return {
        **measures.report(measures.confusion_of(truth, logits.argmax(axis=1))),
        "calibration_error": round(measures.calibration_error(p, truth), 4),
        "float32": {key: full[key] for key in ("accuracy", "average_recall", "macro_f1")},
        "int8_changes_label": round(float(np.mean(logits.argmax(axis=1) != exact.argmax(axis=1))), 4),
        "int8_max_change": round(float(np.abs(p - measures.softmax(exact, temperature)).max()), 4),
    }
