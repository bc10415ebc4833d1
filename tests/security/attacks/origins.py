"""Pages of other sites that connect from a visitor's browser."""

from collections.abc import Callable
from uuid import uuid4

from tests.security.attack import Scene, add
from tests.security.chats import GROUP, MARK, ORIGINS

_EXACT = ORIGINS[0]
_HOST = _EXACT.removeprefix("https://")
_LOOK_ALIKE = _HOST.replace("chat", "ch\u0430t", 1).encode("idna").decode()
_DOMAIN = ORIGINS[1].removeprefix("https://*.")


def _from(*origins: str) -> Callable[[Scene], str]:
    return lambda scene: scene.knock(scene.handshake(group=GROUP).header("Origin", *origins))


for name, story, origin in (
    ("other site", "Another site connects", f"https://{MARK}.example.net"),
    ("suffix", "A site whose name begins like ours connects", f"{_EXACT}.{MARK}.example.net"),
    (
        "prefix",
        "A site whose name ends like our domain, but without the dot before it, connects",
        f"https://evil{_DOMAIN}",
    ),
    ("apex", "The domain itself connects, but only its subdomains are allowed", f"https://{_DOMAIN}"),
    ("subdomain", "A subdomain of our site connects, but only the site itself is allowed", f"https://evil.{_HOST}"),
    ("empty subdomain", "A subdomain with an empty name connects", f"https://.{_DOMAIN}"),
    ("scheme", "Our site without TLS connects: somebody on the network may have changed it", f"http://{_HOST}"),
    ("port", "A server on another port of our host connects", f"{_EXACT}:8443"),
    ("null", "A sandboxed frame or a local file, with the origin `null`, connects", "null"),
    ("empty", "A client with an empty origin connects", ""),
    ("user info", "Another site connects, with our site as the user in its address", f"{_EXACT}@{MARK}.example.net"),
    (
        "user info before a subdomain",
        "A subdomain of ours connects, with another site as the user in its address",
        f"https://{MARK}.example.net@evil.{_DOMAIN}",
    ),
    ("path", "Another site connects, with our domain in the path", f"https://{MARK}.example.net/.{_DOMAIN}"),
    ("trailing dot", "Our site with a trailing dot, which is another origin, connects", f"{_EXACT}."),
    ("wildcard", "A client that sends the allowed pattern itself connects", ORIGINS[1]),
    ("homoglyph", "A site whose name looks like ours, encoded as browsers send it, connects", f"https://{_LOOK_ALIKE}"),
    (
        "two in one",
        "A client that sends our site and another in one header connects",
        f"{_EXACT}, https://{MARK}.example.net",
    ),
):
    add(f"origin: {name}", "origins", story, "403", _from(origin))


def _twice(*origins: str) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        handshake = scene.handshake(group=GROUP)
        about = {"connectionId": str(uuid4()), "eventType": "CONNECT", "routeKey": "$connect", "requestTimeEpoch": 1}
        event = {
            "requestContext": about,
            "headers": {"Origin": origins[-1]},
            "multiValueHeaders": {"Origin": list(origins)},
            "queryStringParameters": dict(handshake.query),
            "multiValueQueryStringParameters": {name: [value] for name, value in handshake.query},
        }
        return scene.invoke("$connect", event)

    return run


for name, origins in (
    ("twice, ours first", (_EXACT, f"https://{MARK}.example.net")),
    ("twice, ours last", (f"https://{MARK}.example.net", _EXACT)),
):
    add(
        f"origin: {name}",
        "origins",
        "A client with two `Origin` headers connects (handed to the function, because the emulator keeps only one)",
        "403",
        _twice(*origins),
    )

for name, story, headers in (
    ("missing", "A client without an origin connects", ()),
    (
        "in other headers",
        "A client that names our site in other headers, but not in `Origin`, connects",
        ("Referer", "X-Forwarded-Host", "Sec-WebSocket-Origin", "X-Origin"),
    ),
):

    def _instead(scene: Scene, headers: tuple[str, ...] = headers) -> str:
        handshake = scene.handshake(group=GROUP).header("Origin")
        for header in headers:
            handshake = handshake.header(header, _EXACT)
        return scene.knock(handshake)

    add(f"origin: {name}", "strict", story, "403", _instead)
