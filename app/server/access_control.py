"""Access control: requests are served only from this machine, under a known host name, and outside foreign frames.

The app reads files and starts jobs with the rights of the user who started it, and has no login. Therefore

- it serves only this machine, whatever address the server listens on, unless HEAT_ALLOW_REMOTE=1;
- it refuses requests whose Host header is not allowed, since another site can have its own name resolve to this
  machine's address (DNS rebinding), and requests from pages of another origin;
- it sends a content security policy, so that a page loads nothing from other servers even if untrusted text got into
  it as markup, and other sites cannot show the app in a frame.
"""

import ipaddress
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import streamlit as st

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Server = Callable[[Message, Receive, Send], Awaitable[None]]

ALLOW_REMOTE = "HEAT_ALLOW_REMOTE"
_TUNNEL = "ssh -L 8501:localhost:8501 SERVER"
NOT_LOCAL = (
    "HEAT Explorer asks nobody for a password, so it serves only the machine that it runs on. To look at it from "
    f"another one, leave its address as it is and open an SSH tunnel there ({_TUNNEL}). If everyone who can reach this "
    f"machine may read its files and start jobs on it, set the environment variable {ALLOW_REMOTE}=1, and name the "
    "machine with --server.allowedHosts."
)
UNKNOWN_HOST = (
    "HEAT Explorer does not answer to this name: open it as localhost, or start it with --server.allowedHosts and the "
    "name that you use."
)
# Plotly generates code for large maps ('unsafe-eval'); the components' modules are object URLs (blob:).
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' {sockets} data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-src 'self' blob:; frame-ancestors 'none'"
)
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::\d{1,5})?")


class AccessControl:
    """ASGI middleware that refuses requests that are not allowed, and adds security headers to the other responses."""

    def __init__(self, app: Server) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on and add the security headers to its response."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if sentence := refusal(host, headers.get(b"origin"), (scope.get("client") or ("",))[0]):
            await _send_refusal(scope, send, sentence)
            return

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *_security_headers(host)]}
            await send(message)

        await self._app(scope, receive, with_policy)


def refusal(host: str, origin: str | None, client: str) -> str | None:
    """Return the reason why a request is refused; None where it is allowed.

    Args:
        host: the request's Host header.
        origin: the request's Origin header, if it has one.
        client: IP address from which the request comes.
    """
    if os.environ.get(ALLOW_REMOTE) != "1" and not (
        _is_loopback(client) and _is_loopback(st.get_option("server.address") or "")
    ):
        return NOT_LOCAL
    return None if _is_allowed_host(host) and origin in (None, f"http://{host}", f"https://{host}") else UNKNOWN_HOST


def _is_loopback(address: str) -> bool:
    """Return whether an address is a loopback address, which no other machine can reach."""
    if address == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)  # A socket for IPv6 and IPv4 reports an IPv4 address in this form.
    return (mapped or parsed).is_loopback


def _is_allowed_host(host: str) -> bool:
    """Return whether a Host header names this app, on any port. Streamlit itself checks only WebSockets."""
    if not (match := _HOST.fullmatch(host.lower())):
        return False
    name = (match["v6"] or match["name"]).rstrip(".")
    allowed = [str(a).strip().lower().rstrip(".") for a in st.get_option("server.allowedHosts")]
    return any(a in ("*", name) or (a.startswith("*.") and name.endswith(a[1:])) for a in allowed)


def _security_headers(host: str) -> list[tuple[bytes, bytes]]:
    policy = _POLICY.format(sockets=f"ws://{host} wss://{host}")  # Not every browser includes them in 'self'.
    return [
        (b"content-security-policy", policy.encode("latin-1")),
        (b"x-frame-options", b"DENY"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


async def _send_refusal(scope: Message, send: Send, sentence: str) -> None:
    if scope["type"] == "websocket":
        # The server answers HTTP 403 to this, since the socket was not accepted yet.
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-frame-options", b"DENY")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
