"""Sentiment of texts on a CPU: tokens in, calibrated probabilities out.

Where the speed comes from, most first: a batch is padded to its own longest text instead of to the model's
limit, texts are sorted by length so that this padding is small, and identical texts are read once. Batches
are cut by tokens (texts x padded length), so the memory of a batch does not depend on how long the texts are.

Each batch runs on one thread and several run side by side. Letting onnxruntime split every operator over the
cores instead was slower, because a small encoder's operators are too short to share, and idle cores spun
between them.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from trendvane.domain.errors import ModelPackageError
from trendvane.domain.sentiment import LABELS
from trendvane.domain.text import prepare
from trendvane.model.package import MODEL, TOKENIZER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from trendvane.model.package import ModelPackage

TOKEN_BUDGET = 384  # texts x padded length of one batch; 1024 cost 10 % more CPU and 40 MiB more (caches)
_MIN_BUDGET = 64  # below, a batch costs more to start than to run
_CHUNK = 4096  # texts prepared, sorted and batched together: memory stays flat for any number of texts
_INPUTS = {"input_ids", "attention_mask"}
# int8 kernels round differently from one family of CPUs to the next; a swapped label is far off.
_GOLDEN_TOLERANCE = 0.05
_GOLDEN_MARGIN = 0.1  # rows whose two best classes are closer than this may change places
_REMEDY = "Serve another version (trendvane model rollback), or export this one again."


class Engine:
    """A loaded model. Safe to use from several threads.

    int8 activations are scaled per batch, so the company a text is read in moves its probabilities a little
    (some hundredths at most).

    Args:
        package: A verified package; its files are hashed once more as they are read.
        threads: Batches that run side by side; give the number of cores the process may use.
        token_budget: Texts x padded length of one batch.
        exact: Ask for kernels that cannot saturate; nearly twice as slow where they are not needed.

    Raises:
        ModelPackageError: The files changed since they were verified, or onnxruntime refuses the model.
    """

    def __init__(
        self,
        package: ModelPackage,
        *,
        threads: int = 2,
        token_budget: int = TOKEN_BUDGET,
        exact: bool = False,
    ) -> None:
        self.package = package
        self.version = package.identity
        self.labels = LABELS
        self.languages = package.languages
        self._budget = token_budget
        self._threads = max(1, threads)
        self._tokenizer = _tokenizer(package)
        self._session = _session(package, exact=exact)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="infer")

    def predict(self, texts: Iterable[str]) -> NDArray[np.float32]:
        """Probabilities (n x 3, float32, rows sum to 1) in the order of ``LABELS``; raw texts in, any length.

        Raises:
            ModelPackageError: The model gave something that is no number.
        """
        source = iter(texts)
        chunks: list[NDArray[np.float32]] = []
        while chunk := list(islice(source, _CHUNK)):
            chunks.append(self._predict_chunk(chunk))
        return np.concatenate(chunks) if chunks else np.empty((0, len(LABELS)), np.float32)

    def verify(self) -> None:
        """Ask the model its golden rows.

        Raises:
            ModelPackageError: An answer is no number, or is not the one the package was made with.
        """
        golden = self.package.golden
        expected = np.array([row.p for row in golden], np.float32)
        # One by one, as they were made: in company the scales of int8 activations would move the answers.
        got = np.concatenate([self.predict([row.text]) for row in golden])
        ranked = np.sort(expected, axis=1)
        certain = ranked[:, -1] - ranked[:, -2] > _GOLDEN_MARGIN
        moved = np.abs(got - expected).max(axis=1)
        swapped = certain & (got.argmax(axis=1) != expected.argmax(axis=1))
        wrong = int((swapped | (moved > _GOLDEN_TOLERANCE)).sum())
        if wrong:
            raise ModelPackageError(
                f"{self.version} answers {wrong} of its {len(golden)} golden rows wrongly "
                f"(largest difference {moved.max():.3f}, allowed {_GOLDEN_TOLERANCE}).",
                remedy=_REMEDY,
            )

    def close(self) -> None:
        """End the worker threads; batches under way are finished."""
        self._pool.shutdown()

    def _predict_chunk(self, texts: Sequence[str]) -> NDArray[np.float32]:
        distinct: dict[str, int] = {}
        place = [distinct.setdefault(text, len(distinct)) for text in map(prepare, texts)]
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(distinct))]
        logits = np.empty((len(encoded), len(LABELS)), np.float32)
        for rows, answer in self._run(encoded):
            logits[rows] = answer
        if not np.isfinite(logits).all():
            raise ModelPackageError(f"{self.version} gave a result that is no number.", remedy=_REMEDY)
        return _softmax(logits / np.float32(self.package.temperature))[place]

    def _run(self, encoded: Sequence[Sequence[int]]) -> Iterable[tuple[list[int], NDArray[np.float32]]]:
        # A few texts are still shared among the threads: half the latency on two cores.
        share = sum(map(len, encoded)) // self._threads
        batches = list(length_sorted(encoded, min(self._budget, max(_MIN_BUDGET, share))))
        if len(batches) == 1:
            return [self._infer(encoded, batches[0])]
        return self._pool.map(lambda rows: self._infer(encoded, rows), batches)

    def _infer(
        self, encoded: Sequence[Sequence[int]], rows: list[int]
    ) -> tuple[list[int], NDArray[np.float32]]:
        width = len(encoded[rows[0]])
        ids = np.zeros((len(rows), width), np.int64)
        mask = np.zeros((len(rows), width), np.int64)
        for i, row in enumerate(rows):
            tokens = encoded[row]
            ids[i, : len(tokens)] = tokens
            mask[i, : len(tokens)] = 1
        return rows, self._session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]


def length_sorted(encoded: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    """Row numbers in batches, longest first, of at most ``budget`` tokens each once padded; one row at least.

    Longest first, so that the last batches to finish are the short ones and the threads end together.
    """
    order = sorted(range(len(encoded)), key=lambda row: len(encoded[row]), reverse=True)
    start = 0
    while start < len(order):
        count = max(1, budget // max(1, len(encoded[order[start]])))
        yield order[start : start + count]
        start += count


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def _read_verified(package: ModelPackage, name: str) -> bytes:
    try:
        data = (package.root / name).read_bytes()
    except OSError as error:
        raise ModelPackageError(f"{name} of {package.identity} cannot be read.", remedy=_REMEDY) from error
    if hashlib.sha256(data).hexdigest() != package.sha256[name]:
        raise ModelPackageError(f"{name} of {package.identity} changed while it was loaded.", remedy=_REMEDY)
    return data


def _tokenizer(package: ModelPackage) -> Any:
    try:
        tokenizer = Tokenizer.from_str(_read_verified(package, TOKENIZER).decode("utf-8"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(package.max_length)
    except ModelPackageError:
        raise
    except Exception as error:  # the library raises bare Exception
        raise ModelPackageError(f"{TOKENIZER} cannot be used: {error}.", remedy=_REMEDY) from error
    return tokenizer


def _session(package: ModelPackage, *, exact: bool) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # keeps a plan for each shape it meets, and ours all differ: 18 MiB
    if exact:  # onnxruntime: kOrtSessionOptionsAvx2PrecisionMode
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 3  # warnings are about optimisations it skipped
    try:
        session = ort.InferenceSession(_read_verified(package, MODEL), options, ["CPUExecutionProvider"])
    except ModelPackageError:
        raise
    except Exception as error:  # onnxruntime has a dozen exceptions without a common base
        raise ModelPackageError(f"{MODEL} cannot be loaded: {error}.", remedy=_REMEDY) from error
    inputs = {value.name for value in session.get_inputs()}
    outputs = [value.name for value in session.get_outputs()]
    if inputs != _INPUTS or outputs != ["logits"]:
        raise ModelPackageError(
            f"{MODEL} takes {sorted(inputs)} and gives {outputs}, not {sorted(_INPUTS)} and ['logits'].",
            remedy=_REMEDY,
        )
    return session
