import numpy as np
import pytest

from trendvane.domain.errors import ConfigurationError
from trendvane.model.crossfit import JudgedPredictions, read_judged


def test_predictions_survive_the_file_without_a_pickle(tmp_path):
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 50).astype(np.float32)
    made = JudgedPredictions(np.arange(50, dtype=np.int16) // 10, np.arange(50, dtype=np.int8) % 3, p)
    made.save(tmp_path / "data" / "predictions.npz")
    read = JudgedPredictions.load(tmp_path / "data" / "predictions.npz")
    assert (read.topic == made.topic).all()
    assert (read.truth == made.truth).all()
    assert np.abs(read.p - p).max() < 2e-3
    assert read.p.sum(axis=1) == pytest.approx(1)


def test_reads_five_points(tmp_path):
    path = tmp_path / "judged.csv"
    rows = [f"{i},topic,{label},text {i},2016test" for i, label in enumerate((-2, -1, 0, 1, 2))]
    path.write_text("\n".join(["tweet_id,topic,label,text,split", *rows]))
    assert [t.label for t in read_judged(path)] == [0, 0, 1, 2, 2]


def test_an_unknown_point_is_refused(tmp_path):
    path = tmp_path / "judged.csv"
    path.write_text("tweet_id,topic,label,text,split\n1,topic,5,text,2016test\n")
    with pytest.raises(ConfigurationError, match="5"):
        read_judged(path)
