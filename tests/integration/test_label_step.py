"""Labelling end to end: staged tweets, a server over HTTP, labels in PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from llm_support import Answer, ScriptedServer, failed, said
from pipeline_support import Pipeline, page, row, tweet_id

from trendvane.domain.errors import BudgetExhaustedError, DisagreementError, LabellerRefusedError
from trendvane.llm.config import LlmConfig
from trendvane.llm.labeller import Labeller, open_labeller
from trendvane.steps.label import LabelConfig, LabelReport, label, plan
from trendvane.warehouse import labelling, labels
from trendvane.warehouse.labels import LabelRow
from trendvane.warehouse.spend import WarehouseLedger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trendvane.warehouse.engine import Warehouse

pytestmark = pytest.mark.integration

COUNT = 40
CONFIG = LabelConfig(limit=1000, batch=4, min_gold=5)
DONE = "SELECT tweet_id FROM tweet_label WHERE kind = 'llm' ORDER BY tweet_id"


@pytest.fixture
def pipe(tmp_path: Path, warehouse: Warehouse) -> Pipeline:
    """Forty scored tweets, all in the validation sample."""
    pipeline = Pipeline(tmp_path, warehouse)
    pipeline.take(page(1, [row(i) for i in range(COUNT)]))
    pipeline.score()
    pipeline.execute("UPDATE tweet_staging SET sample = 'validation'")
    return pipeline


@contextmanager
def labeller(pipe: Pipeline, server: ScriptedServer, **changes: Any) -> Iterator[Labeller]:
    defaults: dict[str, Any] = {"votes": 1, "concurrency": 2, "per_minute": 6e9, "dollars_per_month": 5.0}
    config = LlmConfig(server.url, "m", 1.0, 4.0, **(defaults | changes))
    books = WarehouseLedger(pipe.warehouse, "llm")
    with open_labeller(config, books, now=pipe.now, sleep=lambda _: None) as opened:
        yield opened


def run(pipe: Pipeline, server: ScriptedServer, config: LabelConfig = CONFIG, **changes: Any) -> LabelReport:
    with labeller(pipe, server, **changes) as opened:
        return label(pipe.warehouse, opened, config, now=pipe.now)


def people_say(pipe: Pipeline, numbers: Sequence[int], said_label: int, kind: str = "human") -> None:
    rows = [LabelRow(tweet_id(n), "anna", "", said_label, 1, kind, 1.0, at_random=False) for n in numbers]
    with pipe.warehouse.begin() as connection:
        labels.write(connection, rows, now=pipe.now())


def test_a_sample_is_labelled_once_and_a_second_run_changes_nothing(pipe: Pipeline) -> None:
    with ScriptedServer(lambda *_: said("positive")) as server:
        report = run(pipe, server)
        assert (report.asked, report.labelled, report.more) == (COUNT, COUNT, False)
        assert (report.requests, report.tokens_in, report.tokens_out) == (COUNT, 100 * COUNT, 5 * COUNT)
        assert report.dollars == pytest.approx(COUNT * 120 / 1e6)
        again = run(pipe, server)
        assert (again.asked, again.changed) == (0, False)
        assert len(server.asked) == len(set(server.asked)) == COUNT
    found = pipe.rows("SELECT DISTINCT labeller, label, votes, kind, share, at_random FROM tweet_label")
    assert found == [("llm:m", 2, 1, "llm", 1.0, True)]
    assert pipe.value("SELECT sum(n) FROM label_rollup") == COUNT
    assert pipe.rows("SELECT micros, requests, units FROM spend WHERE source = 'llm'") == [
        (COUNT * 120, COUNT, COUNT * 105)
    ]


def test_abstentions_are_remembered_and_count_nowhere(pipe: Pipeline) -> None:
    with ScriptedServer(lambda *_: said("unsure")) as server:
        report = run(pipe, server, votes=3)
        assert (report.abstained, report.labelled, dict(report.reasons)) == (COUNT, 0, {"unsure": 2 * COUNT})
        assert run(pipe, server, votes=3).asked == 0
    assert pipe.value("SELECT count(*) FROM tweet_label WHERE label IS NULL AND votes = 2") == COUNT
    assert pipe.value("SELECT count(*) FROM label_rollup") == 0


def test_another_prompt_asks_anew(pipe: Pipeline) -> None:
    with ScriptedServer(lambda *_: said("neutral")) as server:
        run(pipe, server)
        assert run(pipe, server, temperature=0.5).asked == COUNT
    assert pipe.value("SELECT count(DISTINCT prompt_version) FROM tweet_label") == 2


def test_a_part_of_the_sample_is_taken_by_hash_and_not_by_time(pipe: Pipeline) -> None:
    with ScriptedServer(lambda *_: said("positive")) as server:
        report = run(pipe, server, replace(CONFIG, limit=10))
        assert (report.asked, report.more) == (10, True)
        chosen = {found[0] for found in pipe.rows(DONE)}
        expected = pipe.rows(
            "SELECT tweet_id FROM tweet_staging ORDER BY hashint8extended(tweet_id, 7291) LIMIT 10"
        )
        assert chosen == {found[0] for found in expected}
        assert chosen not in ({tweet_id(i) for i in range(10)}, {tweet_id(COUNT - 1 - i) for i in range(10)})
        while run(pipe, server, replace(CONFIG, limit=10)).more:
            pass
        assert len(server.asked) == len(set(server.asked)) == COUNT


def test_only_voices_of_the_samples_are_shown_and_chance_is_told_apart(pipe: Pipeline) -> None:
    pipe.execute(f"UPDATE tweet_staging SET sample = NULL WHERE tweet_id > {tweet_id(9)}")
    pipe.execute(f"UPDATE tweet_staging SET sample = 'training' WHERE tweet_id = {tweet_id(0)}")
    pipe.execute(f"UPDATE tweet_product SET voice = false WHERE tweet_id = {tweet_id(1)}")
    pipe.execute(f"UPDATE tweet_staging SET cluster_id = {tweet_id(0)} WHERE tweet_id = {tweet_id(2)}")
    pipe.execute(f"DELETE FROM tweet_product WHERE tweet_id = {tweet_id(3)}")
    with ScriptedServer(lambda *_: said("positive")) as server:
        assert run(pipe, server).asked == 7
    found = dict(pipe.rows("SELECT tweet_id, at_random FROM tweet_label"))
    assert found == {tweet_id(0): False} | {tweet_id(i): True for i in range(4, 10)}


def test_content_of_the_real_x_is_shown_to_nobody_unless_allowed(pipe: Pipeline) -> None:
    pipe.execute("UPDATE tweet_staging SET source = 'x'")
    people_say(pipe, [0, 1, 2], 2)
    with ScriptedServer(lambda *_: said("positive")) as server:
        with labeller(pipe, server) as opened:
            assert plan(pipe.warehouse, opened, CONFIG).texts == 0
        assert run(pipe, server).asked == 0
        assert server.asked == []
        assert run(pipe, server, replace(CONFIG, allow_x_content=True)).asked == COUNT


def test_tweets_that_people_labelled_come_first_and_wait_for_their_turn(pipe: Pipeline) -> None:
    people_say(pipe, range(6), 2)
    with ScriptedServer(lambda *_: said("positive")) as server:
        first = run(pipe, server, replace(CONFIG, limit=6))
        assert {found[0] for found in pipe.rows(DONE)} == {tweet_id(i) for i in range(6)}
        assert first.gold == 6
        assert pipe.value("SELECT count(*) FROM tweet_label WHERE at_random") == 0
        rest = run(pipe, server)
        assert (rest.asked, rest.noted) == (COUNT - 6, 6)
        assert len(server.asked) == COUNT
    assert pipe.value("SELECT count(*) FROM tweet_label WHERE kind = 'llm' AND at_random") == COUNT


@pytest.mark.parametrize("kind", ["human", "file"])
def test_a_labeller_that_disagrees_with_people_is_stopped_after_the_gold_slice(
    pipe: Pipeline, kind: str
) -> None:
    people_say(pipe, range(5), 0, kind)
    people_say(pipe, range(5, 10), 2, kind)
    with ScriptedServer(lambda _, number: said("positive" if number % 2 else "negative")) as server:
        with pytest.raises(DisagreementError, match=r"kappa .* on 10 tweets") as caught:
            run(pipe, server, concurrency=1)
        assert "label agreement" in caught.value.remedy
        assert len(server.asked) == 10
        with pytest.raises(DisagreementError):
            run(pipe, server)
        assert len(server.asked) == 10  # nothing more was paid for
        assert run(pipe, server, replace(CONFIG, min_gold=11)).asked == COUNT - 10


def test_agreement_counts_abstentions_apart_and_lets_a_good_labeller_go_on(pipe: Pipeline) -> None:
    people_say(pipe, range(6), 0)
    people_say(pipe, range(6, 12), 2)
    names = ["negative"] * 6 + ["positive"] * 5 + ["unsure"]
    texts = [found[0] for found in pipe.rows("SELECT content FROM tweet_staging ORDER BY tweet_id")]
    answers = dict(zip(texts, names, strict=False))
    with ScriptedServer(lambda tweet, _: said(answers.get(tweet, "neutral"))) as server:
        report = run(pipe, server)
    assert (report.gold, report.kappa, report.asked) == (11, (1.0, 1.0, 1.0), COUNT)
    with pipe.warehouse.begin() as connection:
        (found,) = labelling.comparisons(connection)
    assert (found.labeller, found.abstained) == ("llm:m", 1)
    assert found.confusion == ((6, 0, 0), (0, 0, 0), (0, 0, 5))


def test_the_cap_holds_over_restarts_and_what_was_paid_for_is_kept(pipe: Pipeline) -> None:
    with ScriptedServer(lambda *_: said("positive", usage=(400, 10))) as server:
        for _ in range(3):
            with pytest.raises(BudgetExhaustedError, match="budget for labelling"):
                run(pipe, server, dollars_per_month=0.008)
        assert 0 < len(server.asked) < COUNT
    assert pipe.value("SELECT sum(micros) FROM spend WHERE source = 'llm'") <= 8000
    assert pipe.value("SELECT count(*) FROM tweet_label") == len(server.asked)


def test_workers_together_do_not_pass_the_cap(pipe: Pipeline) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            run(pipe, server, dollars_per_month=0.02)
        except BudgetExhaustedError as error:
            errors.append(error)

    with ScriptedServer(lambda *_: said("positive", usage=(900, 60))) as server:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors
    assert pipe.value("SELECT sum(micros) FROM spend WHERE source = 'llm'") <= 20_000
    assert len(server.asked) * (900 + 60 * 4) <= 20_000


def test_a_refusal_in_the_middle_keeps_the_batches_before_it(pipe: Pipeline) -> None:
    def answer(_: str, number: int) -> Answer:
        return said("positive") if number <= 10 else failed(401)

    with ScriptedServer(answer) as server:
        with pytest.raises(LabellerRefusedError, match="401"):
            run(pipe, server, concurrency=1)
        assert len(server.asked) == 11
    assert pipe.value("SELECT count(*) FROM tweet_label") == 10


def test_a_plan_sends_nothing_and_counts_each_tweet_once(pipe: Pipeline) -> None:
    people_say(pipe, range(6), 2)
    with ScriptedServer(lambda *_: said("positive")) as server, labeller(pipe, server, votes=3) as opened:
        estimate = plan(pipe.warehouse, opened, CONFIG)
        assert plan(pipe.warehouse, opened, replace(CONFIG, limit=7)).texts == 7
        assert server.asked == []
        report = label(pipe.warehouse, opened, CONFIG, now=pipe.now)
    assert (estimate.texts, estimate.requests) == (COUNT, 3 * COUNT)
    assert report.requests == 2 * COUNT  # two of three agree
    assert estimate.dollars > 0


def test_a_run_that_is_killed_goes_on_and_repeats_one_batch_at_most(pipe: Pipeline) -> None:
    url = pipe.warehouse.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    enough, killed = threading.Event(), threading.Event()

    def answer(_: str, number: int) -> Answer:
        if number > 20 and not killed.is_set():
            enough.set()
            killed.wait()  # in flight when the process dies
        return said("positive")

    with ScriptedServer(answer) as server:
        settings = {
            "WAREHOUSE__URL": url,
            "LABEL__BASE_URL": server.url,
            "LABEL__MODEL": "m",
            "LABEL__VOTES": "1",
            "LABEL__DOLLARS_PER_MILLION_IN": "1",
            "LABEL__DOLLARS_PER_MILLION_OUT": "4",
            "LABEL__REQUESTS_PER_MINUTE": "60000",
            "DATA_DIR": str(pipe.root),
        }
        environment = os.environ | {f"TRENDVANE_{k}": v for k, v in settings.items()}  # noqa: TID251
        command = [sys.executable, "-m", "trendvane", "label", "run"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert enough.wait(120)
            process.send_signal(signal.SIGKILL)
        killed.set()
        before = pipe.value("SELECT count(*) FROM tweet_label")
        assert before == 16
        assert run(pipe, server, LabelConfig()).labelled == COUNT - before
        times = Counter(server.asked)
        assert sum(n > 1 for n in times.values()) <= LabelConfig().batch
        assert set(times.values()) <= {1, 2}
    assert pipe.value("SELECT count(*) FROM tweet_label") == COUNT
