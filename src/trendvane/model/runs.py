"""Training runs in MLflow: what they were, what they gave, and whether they were finished."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trendvane.domain.errors import TrendvaneError
from trendvane.model.tracking import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trendvane.model.tracking import Tracking

_KEY = "trendvane.key"
_MAX_PARAM = 6_000  # characters; MLflow refuses longer values
_BATCH = 100  # params or tags a request takes


@dataclass(frozen=True, slots=True)
class DataInput:
    """The data a run learned from, as MLflow shows it.

    Attributes:
        name: Of the snapshot.
        digest: Its content hash; MLflow keeps 36 characters.
        source: Where it lies.
        profile: Counts.
        context: ``training``, ``validation`` or ``test``.
    """

    name: str
    digest: str
    source: str
    profile: Mapping[str, Any] = field(default_factory=dict)
    context: str = "training"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run writes down.

    Attributes:
        name: ``<model>-<timestamp>``.
        params: Everything that was decided before it started.
        metrics: Figures of the finished model.
        tags: Whatever it should be found by.
        key: What makes it the same work as another run: data, recipe, seed; empty for none.
        data: The snapshot.
        files: Files and folders to keep, by their path in the run; a file keeps its name.
        documents: Objects and texts to keep as files, by file name.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    data: DataInput | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run found by its key; ``finished`` when nothing is left to do."""

    run_id: str
    finished: bool
    tags: Mapping[str, str]


class LiveRun:
    """A run under way."""

    def __init__(self, tracking: Tracking, run_id: str) -> None:
        self._tracking = tracking
        self.run_id = run_id

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Write figures of one step; the same step may be written again."""
        from mlflow.entities import Metric  # noqa: PLC0415 - seconds

        now = milliseconds()
        made = [Metric(key, float(value), now, step) for key, value in values.items()]
        with self._tracking.calls() as client:
            for start in range(0, len(made), _BATCH):
                client.log_batch(self.run_id, metrics=made[start : start + _BATCH])

    def write(self, record: RunRecord) -> None:
        """Write what ``record`` holds."""
        self._describe(record.params, record.tags)
        if record.metrics:
            self.metrics(record.metrics)
        if record.data is not None:
            self._data(record.data)
        for place, path in record.files.items():
            self.keep(path, place)
        self._documents(record.documents)

    def keep(self, path: Path, place: str) -> None:
        """Store a file under the path ``place`` of the run, or the contents of a folder in it."""
        with self._tracking.calls() as client:
            if path.is_dir():
                client.log_artifacts(self.run_id, str(path), place)
            else:
                client.log_artifact(self.run_id, str(path), place.rpartition("/")[0] or None)

    def _describe(self, params: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        from mlflow.entities import Param, RunTag  # noqa: PLC0415 - seconds

        marks = [RunTag(key, str(value)) for key, value in tags.items()]
        with self._tracking.calls() as client:
            # A run that goes on keeps what it was started with; MLflow refuses to change a parameter.
            known = client.get_run(self.run_id).data.params
            given = [Param(k, str(v)[:_MAX_PARAM]) for k, v in params.items() if k not in known]
            for start in range(0, len(given), _BATCH):
                client.log_batch(self.run_id, params=given[start : start + _BATCH])
            client.log_batch(self.run_id, tags=marks)

    def _data(self, data: DataInput) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415 - seconds

        made = Dataset(
            name=data.name,
            digest=data.digest[:36],
            source_type="local",
            source=json.dumps({"uri": data.source}),
            schema=None,
            profile=json.dumps(dict(data.profile)),
        )
        marks = [InputTag("mlflow.data.context", data.context)]
        with self._tracking.calls() as client:
            client.log_inputs(self.run_id, [DatasetInput(made, marks)])

    def _documents(self, documents: Mapping[str, Any]) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            for name, content in documents.items():
                text = content if isinstance(content, str) else json.dumps(content, indent=1, default=str)
                path = Path(scratch) / Path(name).name
                path.write_text(text, encoding="utf-8")
                self.keep(path, name)


class Runs:
    """The runs of one experiment.

    Args:
        tracking: The client and the experiment.
    """

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def find(self, key: str) -> KnownRun | None:
        """The run of this key: a finished one if there is, else the newest."""
        experiment = self._tracking.experiment_id
        with self._tracking.calls() as client:
            found = client.search_runs(
                [experiment], f"tags.`{_KEY}` = '{key}'", order_by=["attributes.start_time DESC"]
            )
        known = [KnownRun(r.info.run_id, r.info.status == "FINISHED", dict(r.data.tags)) for r in found]
        return next((run for run in known if run.finished), known[0] if known else None)

    @contextmanager
    def start(self, record: RunRecord) -> Iterator[LiveRun]:
        """A run for this block: finished at its end, failed or killed when it is left by an error.

        An unfinished run of the same key goes on instead of a new one.
        """
        live = LiveRun(self._tracking, self._open(record))
        try:
            live.write(record)
            yield live
        except Exception:
            self._give_up(live, "FAILED")
            raise
        except BaseException:
            self._give_up(live, "KILLED")
            raise
        self._close(live, "FINISHED")

    def import_run(self, identity: str) -> str:
        """A finished run for a package that was trained elsewhere; returns its id."""
        with self.start(RunRecord(name=f"import-{identity}", tags={"kind": "import"})) as live:
            return live.run_id

    def _open(self, record: RunRecord) -> str:
        experiment = self._tracking.experiment_id
        known = self.find(record.key) if record.key else None
        with self._tracking.calls() as client:
            if known is not None and not known.finished:
                client.update_run(known.run_id, status="RUNNING")
                return known.run_id
            marks = {_KEY: record.key} if record.key else {}
            return str(client.create_run(experiment, run_name=record.name, tags=marks).info.run_id)

    def _give_up(self, live: LiveRun, status: str) -> None:
        with suppress(TrendvaneError):  # the error that ended the run is the one to tell
            self._close(live, status)

    def _close(self, live: LiveRun, status: str) -> None:
        with self._tracking.calls() as client:
            client.set_terminated(live.run_id, status)
