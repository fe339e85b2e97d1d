"""The labeller over real HTTP: against servers that misbehave, and against one that runs a model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import tokenizers
from llm_support import Answer, ScriptedServer, content, failed, said

from trendvane.domain.errors import LabellerRefusedError, LabellerUnavailableError
from trendvane.domain.money import Entry, Limits, Totals
from trendvane.llm.config import LlmConfig
from trendvane.llm.labeller import Labelled, open_labeller
from trendvane.llm.voting import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

pytestmark = pytest.mark.integration

KEY = "sk-nobody-may-see-this"
POSITIVE = Verdict(2, 1, 1.0, ())


class Free:
    """Books that are always open."""

    def totals(self, day: date) -> Totals:
        return Totals(0, 0, None)

    def add(self, entry: Entry, limits: Limits | None = None) -> bool:
        return True


def ask(url: str, texts: Sequence[str], **changes: Any) -> tuple[Labelled, list[float]]:
    settings: dict[str, Any] = {"api_key": KEY, "votes": 1, "concurrency": 1, "per_minute": 6e9} | changes
    config = LlmConfig(url, settings.pop("model", "m"), 1.0, 4.0, 1.0, **settings)
    slept: list[float] = []
    now = datetime(2026, 3, 3, tzinfo=UTC)
    with open_labeller(config, Free(), now=lambda: now, sleep=slept.append) as labeller:
        return labeller.label(texts), slept


def abstained(reason: str) -> Verdict:
    return Verdict(None, 1, 0.0, (reason,))


@pytest.mark.parametrize(
    ("script", "verdict", "troubles"),
    [
        ([said("positive")], POSITIVE, {}),
        ([failed(429, retry_after="4"), said("positive")], POSITIVE, {"rate_limited": 1}),
        ([failed(500), failed(503), said("positive")], POSITIVE, {"server_error": 2}),
        ([Answer(0), said("positive")], POSITIVE, {"connection": 1}),
        ([Answer(body=b'{"choices": []}' * 9, cut=True), said("positive")], POSITIVE, {"connection": 1}),
        ([Answer(body=b'{"choices": [{"mess'), said("positive")], POSITIVE, {"broken_answer": 1}),
        ([content("I think it is positive")], abstained("not_json"), {}),
        ([content('{"label": "po', ended="length")], abstained("cut"), {}),
        ([said("ambivalent")], abstained("unknown_label"), {}),
        ([said("unsure")], abstained("unsure"), {}),
        ([content(None, refusal="I will not")], abstained("refusal"), {}),
        ([failed(400, code="content_filter")], abstained("filtered"), {}),
    ],
    ids=[
        "ok",
        "429",
        "500",
        "dropped",
        "cut",
        "half",
        "prose",
        "length",
        "label",
        "unsure",
        "refusal",
        "filter",
    ],
)
def test_whatever_a_server_answers_becomes_a_verdict(
    script: list[Answer], verdict: Verdict, troubles: dict[str, int]
) -> None:
    answers = deque(script)
    with ScriptedServer(lambda *_: answers.popleft()) as server:
        result, slept = ask(server.url, ["a fine day"])
    assert result.verdicts == (verdict,)
    assert result.stopped_by is None
    assert result.tally.troubles == Counter(troubles)
    assert result.tally.requests == len(script)
    assert ("rate_limited" in troubles) == any(3.9 < seconds <= 4 for seconds in slept)


def test_a_server_that_hangs_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def hang(_: str, number: int) -> Answer:
        if number < 3:
            done.wait()
        return said("positive")

    with ScriptedServer(hang) as server:
        result, _ = ask(server.url, ["x"], timeout=0.5, attempts=9)
        done.set()
    assert result.verdicts == (POSITIVE,)
    assert result.tally.troubles["timeout"] >= 2
    assert KEY not in caplog.text


def test_a_wrong_key_stops_at_the_first_request() -> None:
    with ScriptedServer(lambda *_: failed(401, f"Incorrect API key provided: {KEY}")) as server:
        result, _ = ask(server.url, ["x", "y"], votes=3)
    assert isinstance(result.stopped_by, LabellerRefusedError)
    assert "API_KEY" in result.stopped_by.remedy
    assert KEY not in str(result.stopped_by)
    assert len(server.asked) == 1


def test_nobody_at_the_address_is_an_error_worth_another_try() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        result, _ = ask(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", ["x"] * 9, attempts=2)
    assert isinstance(result.stopped_by, LabellerUnavailableError)


@pytest.fixture(scope="module")
def transformers_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """``transformers serve`` with a Llama of a few thousand random weights; its URL and the model's name."""
    folder = tmp_path_factory.mktemp("llm")
    tiny_llama(folder / "tiny")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder / "tiny")]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home")}  # noqa: TID251
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([*command, *options], stdout=log, stderr=log, env=environment) as process,
    ):
        try:
            wait_until_healthy(process, port, folder / "log")
            yield f"http://127.0.0.1:{port}/v1", str(folder / "tiny")
        finally:
            process.kill()


def wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/health", timeout=1.0).is_success:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.2)
    pytest.fail(log.read_text())


def tiny_llama(folder: Path) -> None:
    """A byte-level tokenizer trained on one sentence, a chat template, and random weights."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(["a tweet is a short text"], 300, special_tokens=["<s>", "</s>"])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer._tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    fast.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=4096,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def test_a_real_server_whose_model_talks_nonsense_gives_abstentions(
    transformers_server: tuple[str, str],
) -> None:
    url, model = transformers_server
    result, _ = ask(
        url, ["what a lovely day", "the train is late again"], model=model, votes=3, max_tokens=12
    )
    assert result.stopped_by is None
    assert [verdict and verdict.label for verdict in result.verdicts] == [None, None]
    reasons = Counter(reason for verdict in result.verdicts if verdict for reason in verdict.reasons)
    assert set(reasons) <= {"not_json", "unknown_label", "cut"}
    assert result.tally.requests == reasons.total() == 4  # two of three votes decide that there is no label
    assert result.tally.tokens_in > 1000
    assert 4 <= result.tally.tokens_out <= 4 * 12


def test_a_real_server_that_answers_by_a_choice(transformers_server: tuple[str, str]) -> None:
    """Random weights give every answer about the same probability: any class is enough at a low share."""
    url, model = transformers_server
    for min_share, expected in ((0.01, {0, 1, 2}), (0.99, set())):
        result, _ = ask(url, ["what a lovely day"], model=model, backend="choice", min_share=min_share)
        assert result.stopped_by is None
        (verdict,) = result.verdicts
        assert verdict is not None
        assert verdict.label in expected | {None}
        assert verdict.label is not None or verdict.reasons in {("unsure",), ("doubtful",)}
        assert (result.tally.requests, result.tally.tokens_out) == (1, 0)
        assert result.tally.tokens_in > 20
