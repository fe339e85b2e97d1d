import asyncio
import threading

import orjson
import pytest

from trendvane.domain.errors import StorageUnavailableError
from trendvane.serve.live import Broadcaster, LiveOptions

QUICK = LiveOptions(poll_s=0.005, refresh_s=60, heartbeat_s=0.05, max_viewers=2)


class Data:
    """Numbers that a test changes, and a count of how often they were built."""

    def __init__(self):
        self.version = 1
        self.built = 0
        self.error = None

    def fingerprint(self):
        if self.error:
            raise self.error
        return self.version

    def build(self, window):
        self.built += 1
        return {"window": window, "version": self.version}


def broadcaster(data, options=QUICK, draining=None):
    return Broadcaster(data.fingerprint, data.build, draining or threading.Event(), options)


async def next_event(stream):
    async for message in stream:
        if message.startswith(b"event:"):
            head, _, body = message.partition(b"\ndata: ")
            return head.removeprefix(b"event: ").decode(), orjson.loads(body)
    return None


def test_a_snapshot_at_once_and_another_after_a_change():
    async def scenario():
        data = Data()
        stream = broadcaster(data).watch("1h")
        assert await next_event(stream) == ("snapshot", {"window": "1h", "version": 1})
        data.version = 2
        assert await next_event(stream) == ("snapshot", {"window": "1h", "version": 2})
        await stream.aclose()

    asyncio.run(scenario())


def test_many_viewers_cost_one_build():
    async def scenario():
        data = Data()
        source = broadcaster(data, LiveOptions(poll_s=0.005, refresh_s=60))
        streams = [source.watch("1h") for _ in range(20)]
        await asyncio.gather(*(next_event(stream) for stream in streams))
        assert data.built == 1
        assert source.viewers == 20
        for stream in streams:
            await stream.aclose()
        assert source.viewers == 0

    asyncio.run(scenario())


def test_a_slow_viewer_skips_to_the_latest():
    async def scenario():
        data = Data()
        source = broadcaster(data)
        slow, quick = source.watch("1h"), source.watch("1h")
        await next_event(slow)
        await next_event(quick)
        for version in range(2, 8):
            data.version = version
            assert await next_event(quick) == ("snapshot", {"window": "1h", "version": version})
        assert await next_event(slow) == ("snapshot", {"window": "1h", "version": 7})
        await slow.aclose()
        await quick.aclose()

    asyncio.run(scenario())


def test_silence_is_broken_by_heartbeats():
    async def scenario():
        stream = broadcaster(Data()).watch("1h")
        await next_event(stream)
        assert (await anext(stream)).startswith(b":")
        await stream.aclose()

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [StorageUnavailableError("gone"), RuntimeError("odd")])
def test_trouble_is_told_and_overcome(error):
    async def scenario():
        data = Data()
        stream = broadcaster(data).watch("1h")
        await next_event(stream)
        data.error = error
        name, body = await next_event(stream)
        assert name == "trouble"
        assert "gone" not in body["detail"]
        assert "odd" not in body["detail"]
        data.error = None
        while (await next_event(stream))[0] == "trouble":
            pass
        await stream.aclose()

    asyncio.run(scenario())


def test_nobody_watching_means_nobody_polling_and_no_old_snapshot_later():
    async def scenario():
        data = Data()
        source = broadcaster(data)
        stream = source.watch("1h")
        await next_event(stream)
        await stream.aclose()
        await asyncio.sleep(0.05)
        data.version = 9
        await asyncio.sleep(0.05)
        assert data.built == 1
        stream = source.watch("1h")
        assert await next_event(stream) == ("snapshot", {"window": "1h", "version": 9})
        await stream.aclose()

    asyncio.run(scenario())


def test_windows_are_built_apart():
    async def scenario():
        source = broadcaster(Data())
        day, hour = source.watch("24h"), source.watch("1h")
        assert (await next_event(day))[1]["window"] == "24h"
        assert (await next_event(hour))[1]["window"] == "1h"
        assert source.full
        await day.aclose()
        assert not source.full
        await hour.aclose()

    asyncio.run(scenario())


def test_a_draining_server_ends_the_stream():
    async def scenario():
        draining = threading.Event()
        stream = broadcaster(Data(), draining=draining).watch("1h")
        await next_event(stream)
        draining.set()
        assert await next_event(stream) is None

    asyncio.run(scenario())
