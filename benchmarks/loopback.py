"""A management API on loopback that is not the bottleneck: nginx over TLS, answering at once or in 5 ms."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import botocore
import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT_CORE, SERVER_CORE = 0, 1
DELAYS_MS = (0, 5)

_CONF = """
load_module {echo};
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600; client_max_body_size 1m;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
  add_header x-amzn-RequestId 6a8e2b0c-54a1-4a4e-9a68-0f2ad1a4f3c1;
  server {{ listen 127.0.0.1:{ports[0]} ssl; location / {{ return 200; }} }}
  server {{ listen 127.0.0.1:{ports[1]} ssl;
    location / {{ echo_sleep 0.005; echo_exec @done; }}
    location @done {{ return 200; }} }}
}}
"""


@dataclass(frozen=True)
class Loopback:
    """A running server."""

    endpoints: dict[int, str]
    """By the milliseconds an answer takes."""
    authority: Path
    """The certificates to trust, PEM: the server's authority and the public ones."""


def find(program: str, package: str) -> str:
    """Return the path of a program, or end with what to install."""
    path = shutil.which(program, path=None) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise SystemExit(f"{program} not found: apt-get install {package}")
    return path


@contextmanager
def serve() -> Iterator[Loopback]:
    """Run nginx on a core of its own until the context ends (or this process does)."""
    nginx = Path(find("nginx", "nginx")).resolve()
    echo = nginx.parent.parent / "lib/nginx/modules/ngx_http_echo_module.so"
    if not echo.exists():
        raise SystemExit(f"{echo} not found: apt-get install libnginx-mod-http-echo")
    with tempfile.TemporaryDirectory(prefix="loopback-") as name:
        folder = Path(name)
        authority = trustme.CA()
        # Among all the usual ones: how often a client loads them is part of what it costs.
        usual = (Path(botocore.__file__).parent / "cacert.pem").read_bytes()
        (folder / "authority.pem").write_bytes(usual + authority.cert_pem.bytes())
        # RSA, as API Gateway's certificates are.
        certificate = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        ports = _free_ports(len(DELAYS_MS))
        (folder / "nginx.conf").write_text(_CONF.format(echo=echo, folder=folder, ports=ports))
        pinned = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(SERVER_CORE)]
        server = subprocess.Popen([*pinned, str(nginx), "-p", name, "-c", name + "/nginx.conf"])
        try:
            _wait(server, ports)
            endpoints = (f"https://127.0.0.1:{port}/production" for port in ports)
            yield Loopback(dict(zip(DELAYS_MS, endpoints, strict=True)), folder / "authority.pem")
        finally:
            server.terminate()
            server.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait(server: subprocess.Popen[bytes], ports: list[int]) -> None:
    for port in ports:
        while server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
    if server.poll() is not None:
        raise SystemExit("nginx did not start")
