"""The data card: what a stranger should know about a snapshot before using it. It quotes no tweet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trendvane.domain.holdout import ONE_IN
from trendvane.domain.sentiment import LABELS
from trendvane.steps.curate.raw import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_X_RULES = (
    "X's developer agreement forbids most apps to train models on X content, and asks that deleted posts go"
    " everywhere. Rows whose source is `x` are therefore in a snapshot only where `training.allow_x_content`"
    " was switched on by somebody who may; here it was {switched}. Forgotten tweets are taken out of"
    " snapshots by `trendvane run forget`. Rows of files come under the terms of whoever made the file."
    " `cleaned_data.csv` holds people's words: keep it as you would keep the tweets, and pass on ids only."
)
_SPLIT = (
    "Copies of one message (same id, same cluster, or a shared fingerprint of the wording) count as one: the"
    " oldest with the label that counts is kept. People's labels outrank those of files, and those of files"
    " the ones of models; among equals the majority counts. The rest is split by label, {dev:.0%} to `dev`,"
    " with all rows of an author on one side. One wording in {one_in} is held out by a rule that looks at the"
    " wording alone (`domain/holdout.py`); such rows, their copies, and rows by authors of the test set never"
    " train. Chance is seeded with {seed}: the same rows give the same snapshot."
)
_CHECK = (
    "`sha256sum cleaned_data.csv` must print `{sha256}`, whose first twelve digits are the id. The text is as"
    " people wrote it; models read it through text preparation version {text_version}."
)


def card(facts: Mapping[str, Any]) -> str:
    """The card as Markdown, of everything ``snapshot.json`` says."""
    split = _SPLIT.format(dev=facts["dev_share"], one_in=ONE_IN, seed=facts["seed"])
    rules = _X_RULES.format(switched="on" if facts["allow_x_content"] else "off")
    parts = [
        f"# Data card of snapshot {facts['id']}",
        f"Labelled tweets in three classes, curated on {facts['created_at'][:10]} by `trendvane run curate`.",
        _counts(facts),
        "## Where the rows come from",
        _table(("source", "rows read", "sha256"), (_source(source) for source in facts["sources"])),
        "## Who labelled them",
        _table(("labeller", "rows kept"), facts["labellers"].items()),
        _agreement(facts["agreement"]),
        "## What was dropped",
        f"Of {facts['read']:,} rows read, {sum(facts['dropped'].values()):,} were dropped.",
        _table(("reason", "rows", "meaning"), ((r, n, REASONS[r]) for r, n in facts["dropped"].items())),
        "## How the rest was divided",
        split,
        *(
            text
            for name in ("topics", "languages", "years")
            for text in (f"## {name.capitalize()}", _table((name, "rows kept"), facts[name].items()))
        ),
        "## Rights",
        rules,
        "## Check",
        _CHECK.format(**facts),
    ]
    return "\n\n".join(parts) + "\n"


def _counts(facts: Mapping[str, Any]) -> str:
    test = f"test (`{facts['test_set']}`, frozen)"
    splits = {"train": facts["counts"]["train"], "dev": facts["counts"]["dev"], test: facts["test_counts"]}
    rows = (
        (name, *(classes[label] for label in LABELS), sum(classes.values()))
        for name, classes in splits.items()
    )
    return _table(("split", *LABELS, "rows"), rows)


def _source(source: Mapping[str, Any]) -> tuple[object, ...]:
    digest = source.get("sha256", "")
    return source["name"], source["rows"], f"`{digest[:12]}…`" if digest else ""


def _agreement(facts: Mapping[str, Any] | None) -> str:
    if not facts:
        return "No tweet was labelled both by people and by a model, so their agreement is not known."
    kappa = "not defined"
    if facts["kappa"] is not None:
        kappa = f"{facts['kappa']:.2f} ({facts['low']:.2f} to {facts['high']:.2f})"
    return (
        f"People and models both labelled {facts['n']:,} tweets and agree on {facts['accuracy']:.1%};"
        f" Cohen's kappa is {kappa}."
    )


def _table(head: tuple[str, ...], rows: Iterable[Iterable[object]]) -> str:
    lines = [head, ("---",) * len(head), *(tuple(map(_cell, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    """Topic names are written by strangers: nothing in them may end a cell, a row, or hide anything."""
    if isinstance(value, int):
        return f"{value:,}"
    return " ".join(str(value).replace("|", "\\|").replace("<", "&lt;").split())
