from pathlib import Path

import pytest
from emulator_stage import START_MS

from trendvane.domain import snowflake
from trendvane.domain.errors import ConfigurationError
from trendvane.emulator.config import Replay
from trendvane.emulator.post import Post
from trendvane.emulator.replay import ReplayFeed

CSV = """tweet_id,topic,created_at,text,label
300,teapots,2011-10-15T08:00:00Z,"the third, with a comma & more",negative
100,teapots,2011-10-15T05:00:00Z,the first <3,positive
200,kettles,2011-10-15T06:00:00+00:00,"the second
on two lines",irrelevant
200,teapots,2011-10-15T06:00:00Z,the second again,irrelevant
"""


def feed(path: Path, text: str = CSV, **changes) -> ReplayFeed:
    path.write_text(text, encoding="utf-8")
    return ReplayFeed(Replay(path, **changes), START_MS, seed=1)


def published(replay: ReplayFeed, now_ms: int) -> list[Post]:
    return [event for event in replay.until(now_ms) if isinstance(event, Post)]


def test_rows_keep_their_order_on_the_virtual_clock(tmp_path: Path) -> None:
    replay = feed(tmp_path / "a.csv", spread_s=3.0)
    posts = published(replay, START_MS + 3_000)
    assert [post.original_id for post in posts] == [100, 200, 300]
    assert [post.id for post in posts] == sorted(post.id for post in posts)
    assert [snowflake.to_ms(post.id) - START_MS for post in posts] == [0, 1_000, 3_000]
    assert posts[0].text == "the first &lt;3"
    assert [post.label for post in posts] == [2, None, 0]
    assert posts[1].topics == ("kettles", "teapots")
    assert set(replay.topics) == {"kettles", "teapots"}


def test_speed_divides_the_gaps(tmp_path: Path) -> None:
    replay = feed(tmp_path / "a.csv", speed=3_600.0)
    assert len(list(replay.until(START_MS))) == 1
    assert len(list(replay.until(START_MS + 999))) == 0
    assert len(list(replay.until(START_MS + 1_000))) == 1


def test_the_id_dates_a_row_without_time(tmp_path: Path) -> None:
    old = snowflake.floor(1_318_662_000_000)
    text = f"tweet_id,topic,created_at,text\n{old},t,,late\n5,t,2011-10-15T05:00:00Z,early\n"
    posts = published(feed(tmp_path / "a.csv", text, spread_s=1), START_MS + 1_000)
    assert [post.text for post in posts] == ["early", "late"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lacks the column"),
        ("tweet_id,topic,text\n1,t,x\n", "lacks the column created_at"),
        ("tweet_id,topic,created_at,text\n", "holds no tweets"),
        ("tweet_id,topic,created_at,text\nabc,t,2011-10-15T05:00:00Z,x\n", "line 2: tweet_id 'abc'"),
        ("tweet_id,topic,created_at,text\n1,t,someday,x\n", "line 2: created_at 'someday'"),
        ("tweet_id,topic,created_at,text\n1,,2011-10-15T05:00:00Z,x\n", "topic is empty"),
        ("tweet_id,topic,created_at,text\n1,t\n", "number of columns"),
        ("tweet_id,topic,created_at,text\n1,t,2011-10-15T05:00:00Z,x,y,z\n", "number of columns"),
    ],
)
def test_bad_files_are_configuration_errors(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as refused:
        feed(tmp_path / "bad.csv", text)
    assert refused.value.remedy


def test_a_missing_or_binary_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Cannot read"):
        ReplayFeed(Replay(tmp_path / "none.csv"), START_MS, seed=1)
    (tmp_path / "b.csv").write_bytes(b"tweet_id,topic,created_at,text\n\xff\xfe\n")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        ReplayFeed(Replay(tmp_path / "b.csv"), START_MS, seed=1)
