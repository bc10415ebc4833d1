"""Pages of other sites that connect in the browser of a visitor."""

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
    ("other site", "Another site", f"https://{MARK}.example.net"),
    ("suffix", "A site whose name begins like ours", f"{_EXACT}.{MARK}.example.net"),
    ("prefix", "A site whose name ends like our domain, without the dot", f"https://evil{_DOMAIN}"),
    ("apex", "The domain itself, of which only the subdomains are allowed", f"https://{_DOMAIN}"),
    ("subdomain", "A subdomain of a site that is allowed alone", f"https://evil.{_HOST}"),
    ("empty subdomain", "A subdomain without a name", f"https://.{_DOMAIN}"),
    ("scheme", "Our site without TLS, which somebody in between may have made", f"http://{_HOST}"),
    ("port", "Another server on our host", f"{_EXACT}:8443"),
    ("null", "A sandboxed frame or a local file, whose origin is `null`", "null"),
    ("empty", "A client with an empty origin", ""),
    ("user info", "Another site, with ours as the user of its address", f"{_EXACT}@{MARK}.example.net"),
    ("user info before a subdomain", "Ours, with another as the user", f"https://{MARK}.example.net@evil.{_DOMAIN}"),
    ("path", "Another site, with ours in a path", f"https://{MARK}.example.net/.{_DOMAIN}"),
    ("dot at the end", "Our site with the dot of the root, which is another origin", f"{_EXACT}."),
    ("wildcard", "A client that sends the pattern itself", ORIGINS[1]),
    ("homoglyph", "A site whose name looks like ours, as browsers send it", f"https://{_LOOK_ALIKE}"),
    ("two in one", "A client that sends ours and another in one header", f"{_EXACT}, https://{MARK}.example.net"),
):
    add(f"origin: {name}", "origins", f"{story} connects", "403", _from(origin))


def _twice(*origins: str) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        handshake = scene.handshake(group=GROUP)
        event = {
            "requestContext": {"connectionId": str(uuid4()), "eventType": "CONNECT", "routeKey": "$connect"},
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
        "A client that sends two headers connects (handed to the function: the emulator keeps the last)",
        "403",
        _twice(*origins),
    )

for name, story, headers in (
    ("none where one is required", "A client without an origin", ()),
    (
        "in other headers",
        "A client that names our site everywhere but there",
        ("Referer", "X-Forwarded-Host", "Sec-WebSocket-Origin", "X-Origin"),
    ),
):

    def _instead(scene: Scene, headers: tuple[str, ...] = headers) -> str:
        handshake = scene.handshake(group=GROUP).header("Origin")
        for header in headers:
            handshake = handshake.header(header, _EXACT)
        return scene.knock(handshake)

    add(f"origin: {name}", "strict", f"{story} connects", "403", _instead)
