"""Peak memory and time of the learning loop's heavy parts, each in a process of its own.

    python -m bench.memory_learning [--rows 1000000]

Rows are invented: eight random words each, a tenth of them near copies, half a million authors. What counts
is the resident memory of our process; the embedded PostgreSQL has its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from trendvane.bootstrap import Systems
from trendvane.llm.labeller import Labelled
from trendvane.llm.spending import Tally
from trendvane.llm.voting import Verdict
from trendvane.model.leaks import leaks, split_leaks
from trendvane.settings import Settings
from trendvane.steps.curate import CurateConfig, curate
from trendvane.steps.label import LabelConfig, label

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_AUTHORS = 500_000
_AT_ONCE = 100_000
_ASKED = 2_000  # tweets labelled; each page of them looks through the whole sample
# The same wordings, made by the server: tweets, and a person's label for each.
_TWEETS = sa.text(
    """
    INSERT INTO tweet_staging (tweet_id, topic, content, type, crawl_at, created_at, lang, author_hash,
        cluster_id, source, raw_ref)
    SELECT 1000000000000000000 + i, 'bench', regexp_replace(translate(md5(w::text) || md5((-w)::text),
        '0123456789', 'ghijklmnop'), '(.{8})', '\\1 ', 'g') || repeat('so ', (i - w)::int), 'keyword',
        now(), now(), 'en', 1 + i % :authors, 1000000000000000000 + i, 'emulator', 'bench'
    FROM (
        SELECT i, i - (i % 10 = 9)::int AS w FROM generate_series(CAST(:first AS bigint), :last) AS i
    ) AS rows
    """
)
_LABELS = sa.text(
    """
    INSERT INTO tweet_label (tweet_id, labeller, label, kind)
    SELECT 1000000000000000000 + i, 'bench', (i - (i % 10 = 9)::int) % 3, 'human'
    FROM generate_series(CAST(:first AS bigint), :last) AS i
    """
)


# All in the validation sample, and scored as voices, so that all of them wait for a label.
_SAMPLED = sa.text("UPDATE tweet_staging SET sample = 'validation', inference_done = true")
_SCORED = sa.text(
    """
    INSERT INTO tweet_product (staging_id, tweet_id, topic, type, predicted_sentiment, sentiment_score,
        processed_at, created_at, p_negative, p_neutral, p_positive, model_version)
    SELECT tweet_id, tweet_id, topic, type, 1, 0.6, now(), created_at, 0.2, 0.6, 0.2, 'bench-1'
    FROM tweet_staging
    """
)


class _Oracle:
    """A labeller that answers at once, so that what is measured is ours."""

    name, prompt_version = "llm:bench", "1"

    def label(self, texts: Sequence[str]) -> Labelled:
        return Labelled(tuple(Verdict(len(t) % 3, 2, 1.0, ()) for t in texts), Tally(), None)


def curate_file(home: Path, rows: int) -> str:
    """Curate labelled rows of a CSV."""
    path = home / "rows.csv"
    with path.open("w") as file:
        file.write("tweet_id,text,label,author\n")
        for i in range(rows):
            which = i - (i % 10 == 9)
            words = _words(which)
            file.write(f"{10**18 + i},{words}{'so ' * (i - which)},{which % 3},{i % _AUTHORS}\n")
    return _curate(home, path)


def curate_warehouse(home: Path, rows: int) -> str:
    """Curate labelled tweets of the warehouse, by a cursor of the server."""
    with Systems(Settings(data_dir=home)) as systems:
        _stage(systems, rows, _TWEETS, _LABELS)
    return _curate(home)


def label_samples(home: Path, rows: int) -> str:
    """Label some of the samples, chosen from all of them."""
    with Systems(Settings(data_dir=home)) as systems:
        _stage(systems, rows, _TWEETS)
        with systems.warehouse.begin() as connection:
            connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            connection.execute(_SAMPLED)
            connection.execute(_SCORED)
        oracle: Any = _Oracle()
        report = label(systems.warehouse, oracle, LabelConfig(limit=_ASKED), now=lambda: datetime.now(tz=UTC))
    return f"{report.labelled:,} labelled"


def _stage(systems: Systems, rows: int, *statements: sa.TextClause) -> None:
    systems.prepare_warehouse()
    for first in range(0, rows, _AT_ONCE):
        span = {"first": first, "last": min(first + _AT_ONCE, rows) - 1, "authors": _AUTHORS}
        with systems.warehouse.begin() as connection:
            for statement in statements:
                wanted = {name: value for name, value in span.items() if f":{name}" in statement.text}
                connection.execute(statement, wanted)


def _words(number: int) -> str:
    digits = hashlib.md5(str(number).encode()).hexdigest() + hashlib.md5(str(-number).encode()).hexdigest()
    letters = digits.translate(_LETTERS)
    return "".join(letters[i : i + 8] + " " for i in range(0, 64, 8))


def _curate(home: Path, *files: Path) -> str:
    with Systems(Settings(data_dir=home)) as systems:
        systems.prepare_warehouse()
        config = CurateConfig(files=files)
        report = curate(systems.warehouse, systems.snapshots, config, now=lambda: datetime.now(tz=UTC))
        snapshot = systems.snapshots.latest()
        assert not leaks(snapshot, systems.snapshots.test_set())
        assert not split_leaks(snapshot)
    return f"{report.train:,} train, {report.dev:,} dev, {report.test:,} test"


# Name, limit in MB, and what is run in a process of its own; it is given a folder and the number of rows.
CASES: dict[str, tuple[int, Callable[[Path, int], str]]] = {
    "label some of the samples": (2048, label_samples),
    "curate a CSV": (2048, curate_file),
    "curate the warehouse": (2048, curate_warehouse),
}


def main() -> None:
    """Run every case and print a table; or one case, and print its figures for the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--case", choices=CASES)
    options = parser.parse_args()
    if options.case:
        _run(options.case, options.rows)
        return
    print(f"\n## The learning loop, {options.rows:,} rows\n")
    print("| part | peak resident memory, MB | at most | seconds | of the CPU | what came out |")
    print("|---|---|---|---|---|---|")
    for name, (limit, _) in CASES.items():
        command = [sys.executable, "-m", "bench.memory_learning", "--case", name, "--rows", str(options.rows)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["mb"] < limit, f"{name} took {found['mb']} MB"
        print(
            f"| {name} | {found['mb']} | {limit} | {found['seconds']} | {found['cpu']} | {found['result']} |",
            flush=True,
        )


def _run(name: str, rows: int) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="trendvane-bench-") as home:
        result = CASES[name][1](Path(home), rows)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds, cpu = round(time.perf_counter() - start), round(used.ru_utime + used.ru_stime)
    print(json.dumps({"mb": used.ru_maxrss // 1024, "seconds": seconds, "cpu": cpu, "result": result}))


if __name__ == "__main__":
    main()
