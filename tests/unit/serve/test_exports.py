import csv
import io
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from trendvane.domain.sentiment import Interval, Shares
from trendvane.serve.exports import export_rows, to_csv, to_parquet
from trendvane.serve.snapshot_estimates import Estimates
from trendvane.warehouse.reading import Counts, Minute, TopicRow

AT = datetime(2026, 3, 4, 12, 1, tzinfo=UTC)


class FixedEstimator:
    key, method, languages = "m", "fixed", ("en",)

    def __call__(self, counts):
        third = Interval(1 / 3, 0.1, 0.6)
        return Shares(third, third, third, Interval(0.0, -0.5, 0.5), counts.voices, 0, 0.9)


def topic(name="Harbour"):
    return TopicRow("0" * 16, name, "trending", "emulator", 1, AT, AT, Counts(), None, AT)


def rows(name="Harbour", ids=None):
    minutes = [Minute(AT, "a-1", Counts(9, 1, 2, 3)), Minute(AT, "b-1", Counts(4))]
    return export_rows(topic(name), minutes, ids, Estimates(FixedEstimator()))


def read_csv(body):
    return list(csv.DictReader(io.StringIO(body.decode())))


def test_csv_has_numbers_and_ids_and_no_text():
    first, second = read_csv(to_csv(rows(ids={AT: [2**62, 5]}), with_ids=True))
    assert first["minute"] == "2026-03-04T12:01:00.000Z"
    assert (first["tweets"], first["voices"], first["negative_value"]) == ("9", "6", "0.333333")
    assert first["tweet_ids"] == f"5 {2**62}"
    assert (second["tweet_ids"], second["net_low"]) == ("", "")
    assert not {"content", "text", "author"} & set(first)


def test_ids_can_be_left_out():
    assert "tweet_ids" not in read_csv(to_csv(rows(), with_ids=False))[0]


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-2", "@sum", "\t=1", "  =1", "＝1"])
def test_csv_cells_are_no_formulas(name):
    assert read_csv(to_csv(rows(name), with_ids=False))[0]["topic"] == "'" + name


def test_negative_numbers_stay_numbers():
    assert read_csv(to_csv(rows(), with_ids=False))[0]["net_low"] == "-0.5"


def test_parquet_keeps_types_and_whole_ids():
    table = pq.read_table(io.BytesIO(to_parquet(rows("=1", ids={AT: [2**62]}), with_ids=True)))
    first = table.to_pylist()[0]
    assert first["topic"] == "=1"
    assert first["minute"] == AT
    assert first["tweet_ids"] == [str(2**62)]
    assert table.num_rows == 2
