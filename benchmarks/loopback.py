"""Serves a management API on loopback that is not the bottleneck: nginx with TLS, which answers at once or in 5 ms."""

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

from . import large_groups
from .answers import answers

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
  server {{ listen 127.0.0.1:{ports[2]} ssl; root {folder};
    location = / {{ error_page 405 =200 /page.json; return 405; }}
    location = /page.json {{ default_type application/x-amz-json-1.0; }}
    location /2015-03-31/functions/ {{ return 202; }} }}
  map $http_x_amz_target $answer {{ ~Query$ query; ~UpdateItem$ update; ~PutItem$ put; default allow; }}
  map $uri $members {{ ~^/(?<number>[0-9]+) $number; }}
  server {{ listen 127.0.0.1:{ports[3]} ssl; root {folder}; error_page 405 =200 /$members-$answer.json;
    location / {{ return 405; }}
    location ~ json$ {{ default_type application/x-amz-json-1.0; }} }}
  server {{ listen 127.0.0.1:{ports[4]} ssl; root {folder}; error_page 405 =200 /$members-$answer.json;
    location / {{ echo_sleep 0.005; echo_exec @done; }}
    location @done {{ return 405; }}
    location ~ json$ {{ default_type application/x-amz-json-1.0; }} }}
}}
"""
_PACKAGES = {
    "nginx": "nginx-light libnginx-mod-http-echo",
    "wrk": "wrk",
    "node": "nodejs",
    "setpriv": "util-linux",
    "taskset": "util-linux",
}


@dataclass(frozen=True)
class Loopback:
    """A running server."""

    endpoints: dict[int, str]
    """Management APIs, by the milliseconds that an answer takes."""
    aws: str
    """DynamoDB and Lambda: every query gets the same page, every invoke is accepted."""
    tables: dict[int, str]
    """DynamoDB and Lambda for whole functions, by the milliseconds that an answer takes. The path is the number of
    connections in the group. Every update and put succeeds, and the moderation function allows everything."""
    authority: Path
    """The certificates to trust, in PEM: the server's authority and the public ones."""


def find(program: str) -> str:
    """Return the path of a program. If programs are missing, exit and say what to install."""
    paths = {name: _which(name) for name in _PACKAGES}
    missing = {name for name, path in paths.items() if path is None}
    if paths["nginx"] and not _echo_module(paths["nginx"]).exists():
        missing.add("nginx")
    if missing:
        packages = " ".join(sorted({_PACKAGES[name] for name in missing}))
        raise SystemExit(
            f"The benchmark needs {', '.join(sorted(missing))} on Linux. Install what is missing. On Debian or Ubuntu: "
            f"apt-get install {packages}"
        )
    return str(paths[program])


def _which(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def _echo_module(nginx: str) -> Path:
    return Path(nginx).resolve().parent.parent / "lib/nginx/modules/ngx_http_echo_module.so"


@contextmanager
def serve() -> Iterator[Loopback]:
    """Run nginx on its own core until the context or this process ends."""
    nginx = find("nginx")
    with tempfile.TemporaryDirectory(prefix="loopback-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # nginx's worker may run as another user, and reads the page
        authority = trustme.CA()
        # Add all the usual certificates: loading them is part of a client's cost.
        usual = (Path(botocore.__file__).parent / "cacert.pem").read_bytes()
        (folder / "authority.pem").write_bytes(usual + authority.cert_pem.bytes())
        # RSA, like API Gateway's certificates.
        certificate = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        ports = _free_ports(2 * len(DELAYS_MS) + 1)
        (folder / "page.json").write_text(large_groups.page(), encoding="ascii")
        for name_of_answer, answer in answers().items():
            (folder / f"{name_of_answer}.json").write_text(answer, encoding="ascii")
        (folder / "nginx.conf").write_text(_CONF.format(echo=_echo_module(nginx), folder=folder, ports=ports))
        pinned = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(SERVER_CORE)]
        server = subprocess.Popen([*pinned, nginx, "-p", name, "-c", name + "/nginx.conf"])
        try:
            _wait(server, ports)
            origins = [f"https://127.0.0.1:{port}" for port in ports]
            endpoints = {delay: f"{origin}/production" for delay, origin in zip(DELAYS_MS, origins[:2], strict=True)}
            tables = dict(zip(DELAYS_MS, origins[3:], strict=True))
            yield Loopback(endpoints, origins[2], tables, folder / "authority.pem")
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
        raise SystemExit("nginx did not start. Its error is above")
