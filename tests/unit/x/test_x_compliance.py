from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx2
import pytest

from trendvane.domain.errors import SourceUnavailableError
from trendvane.x.client import XClient
from trendvane.x.compliance import Compliance, Job, Verdict
from trendvane.x.wire import XConfig

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
JOB = {
    "id": "17",
    "status": "created",
    "upload_url": "https://storage.test/up?sig=1",
    "download_url": "https://storage.test/down",
}


class Server:
    def __init__(self, result: bytes = b"", job: object = JOB) -> None:
        self.result, self.job = result, job
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if request.url.host == "storage.test":
            return httpx2.Response(200, content=self.result)
        return httpx2.Response(200, json={"data": self.job})

    def compliance(self) -> Compliance:
        config = XConfig("https://x.test", "t")
        return Compliance(XClient(config, now=lambda: NOW, transport=httpx2.MockTransport(self)))


def test_a_job_from_its_start_to_its_end() -> None:
    server = Server(
        b'{"id":"1","action":"delete","reason":"deleted"}\r\n\n{"id":"2","action":"delete","reason":"suspended"}\n'
    )
    compliance = server.compliance()
    job = compliance.create(name="n" * 99)
    compliance.upload(job, [1, 2, 3])
    assert compliance.get(job.job_id).status == "created"
    assert list(compliance.download(job)) == [
        Verdict(1, "delete", "deleted"),
        Verdict(2, "delete", "suspended"),
    ]
    create, upload, get, download = server.asked
    assert json.loads(create.content) == {"type": "tweets", "name": "n" * 64}
    assert (upload.method, upload.content, upload.headers["content-type"]) == (
        "PUT",
        b"1\n2\n3\n",
        "text/plain",
    )
    assert get.url.path == "/2/compliance/jobs/17"
    assert ["authorization" in r.headers for r in (create, upload, get, download)] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "result", [b"<html>", b'{"id":"x"}', b'{"action":"delete"}', b'{"id":"1"}\n{"id":"2', b"7"]
)
def test_no_verdict_is_skipped(result: bytes) -> None:
    with pytest.raises(SourceUnavailableError):
        list(Server(result).compliance().download(Job("17", "complete", "", "https://storage.test/down")))


@pytest.mark.parametrize("job", [None, [], {}, {"id": 17}])
def test_no_job(job: object) -> None:
    with pytest.raises(SourceUnavailableError):
        Server(job=job).compliance().create()


@pytest.mark.parametrize("url", ["", "http://storage.test/up", "file:///etc/passwd", "/2/tweets"])
def test_strange_addresses_are_not_called(url: str) -> None:
    server = Server()
    with pytest.raises(SourceUnavailableError):
        server.compliance().upload(Job("17", "created", url, ""), [1])
    assert server.asked == []


@pytest.mark.parametrize("job_id", ["../x", "", "1/2", "1?a"])
def test_strange_job_ids_are_not_asked_for(job_id: str) -> None:
    with pytest.raises(SourceUnavailableError):
        Server().compliance().get(job_id)
