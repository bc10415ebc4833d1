"""The audit of pinned packages, started as in ``make check``, with a vulnerability service on loopback."""

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
    """A vulnerability service. Answers with ``known`` vulnerabilities of a package, and with ``status``."""

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
        """Do not log."""


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


def test_without_vulnerabilities_the_audit_passes(service: Service) -> None:
    done = audit(service.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_vulnerability_fails_the_audit_and_names_the_fixed_version(service: Service) -> None:
    service.known = {"pyjwt": VULNERABILITY}
    done = audit(service.url)
    assert done.returncode == 1
    assert "PYSEC-2099-1, fixed in 99.1" in done.stderr
    assert "pyjwt" in done.stderr


@pytest.mark.parametrize("accepted", ["PYSEC-2099-1", "CVE-2099-1"])
def test_an_accepted_vulnerability_passes(service: Service, tmp_path: Path, accepted: str) -> None:
    """It may be accepted by its id or by an alias."""
    text = (PROJECT / ".ci/audit.py").read_text()
    changed = text.replace("str] = {}", f"str] = {{{accepted!r}: 'The part of it that is broken is not used.'}}")
    changed = changed.replace("Path(__file__).resolve().parent.parent", f"Path({str(PROJECT)!r})")
    (tmp_path / "audit.py").write_text(changed)
    service.known = {"pyjwt": VULNERABILITY}
    assert audit(service.url, tmp_path / "audit.py").returncode == 0
    service.known = {"cryptography": VULNERABILITY | {"id": "PYSEC-2099-2", "aliases": []}}
    assert audit(service.url, tmp_path / "audit.py").returncode == 1


def test_an_unreachable_service_passes_with_a_clear_warning(service: Service) -> None:
    service.status = 503
    closed = "http://127.0.0.1:9/v1/query"
    for url in (service.url, closed):
        done = audit(url)
        assert done.returncode == 0
        assert "NOT AUDITED" in done.stderr


def test_unreadable_requirements_fail_the_audit(service: Service, tmp_path: Path) -> None:
    (tmp_path / "audit.py").write_text((PROJECT / ".ci/audit.py").read_text().replace(".parent.parent", ".parent"))
    done = audit(service.url, tmp_path / "audit.py")
    assert done.returncode == 1
    assert "requirements.txt" in done.stderr
