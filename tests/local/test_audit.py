"""The audit of what is pinned, as ``make check`` starts it, against a vulnerability service on loopback."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
VULNERABILITY = {
    "id": "PYSEC-2099-1",
    "aliases": ["CVE-2099-1"],
    "summary": "Lets anybody in.",
    "published": "2099-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "pyjwt", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Service(ThreadingHTTPServer):
    """A vulnerability service. It answers with what it knows of a package; status as it is told."""

    known: Mapping[str, Any]
    status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/query"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["content-length"])))
        found = self.server.known.get(query["package"]["name"])
        body = json.dumps({"vulns": [found]} if found else {}).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(("127.0.0.1", 0), _Handler) as server:
        server.known = {}
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def audit(url: str, program: Path = PROJECT / ".ci/audit.py") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(program), "--vulnerability-service", "osv", "--osv-url", url],
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_known_is_fine(service: Service) -> None:
    done = audit(service.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_finding_fails_and_says_what_to_do(service: Service) -> None:
    service.known = {"pyjwt": VULNERABILITY}
    done = audit(service.url)
    assert done.returncode == 1
    assert "PYSEC-2099-1, fixed in 99.1" in done.stderr
    assert "pyjwt" in done.stderr


@pytest.mark.parametrize("accepted", ["PYSEC-2099-1", "CVE-2099-1"])
def test_accepted_finding_is_fine(service: Service, tmp_path: Path, accepted: str) -> None:
    """By its id or one of its other names."""
    text = (PROJECT / ".ci/audit.py").read_text()
    changed = text.replace("str] = {}", f"str] = {{{accepted!r}: 'The part of it that is broken is not used.'}}")
    changed = changed.replace("Path(__file__).resolve().parent.parent", f"Path({str(PROJECT)!r})")
    (tmp_path / "audit.py").write_text(changed)
    service.known = {"pyjwt": VULNERABILITY}
    assert audit(service.url, tmp_path / "audit.py").returncode == 0
    service.known = {"cryptography": VULNERABILITY | {"id": "PYSEC-2099-2", "aliases": []}}
    assert audit(service.url, tmp_path / "audit.py").returncode == 1


def test_service_that_cannot_be_reached_is_said_loudly(service: Service) -> None:
    service.status = 503
    closed = "http://127.0.0.1:9/v1/query"
    for url in (service.url, closed):
        done = audit(url)
        assert done.returncode == 0
        assert "NOT AUDITED" in done.stderr


def test_requirements_that_cannot_be_read_fail(service: Service, tmp_path: Path) -> None:
    (tmp_path / "audit.py").write_text((PROJECT / ".ci/audit.py").read_text().replace(".parent.parent", ".parent"))
    done = audit(service.url, tmp_path / "audit.py")
    assert done.returncode == 1
    assert "requirements.txt" in done.stderr
