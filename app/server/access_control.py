"""Who may come in: this machine alone, by a name of its own, and no page of a stranger around it.

The app reads files and starts jobs with the rights of whoever started it, and asks nobody who they are. So it serves
this machine only, whatever address it was told to listen on; a page of a stranger that was given this machine's address
under another name (DNS rebinding) is refused before it is answered; and what a browser may load is written down, so
that even a link that slipped through every other guard would find the way out closed.
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
# Plotly draws large maps with code that it writes itself; components of this app are modules made of text (blob:).
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; worker-src 'self' blob:; "
    "connect-src 'self' {sockets} data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-src 'self' blob:; frame-ancestors 'none'"
)
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::\d{1,5})?")


class AccessControl:
    """What stands before Streamlit's server (ASGI)."""

    def __init__(self, app: Server) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
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
    """Why a request is not answered; None where it is.

    Args:
        host: that it names.
        origin: of the page that asks, where the browser says so.
        client: the address that it comes from.
    """
    if os.environ.get(ALLOW_REMOTE) != "1" and not (
        _is_loopback(client) and _is_loopback(st.get_option("server.address") or "")
    ):
        return NOT_LOCAL
    return None if _is_allowed_host(host) and origin in (None, f"http://{host}", f"https://{host}") else UNKNOWN_HOST


def _is_loopback(address: str) -> bool:
    """Whether an address is this machine's own, which no other can reach."""
    if address == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)  # how a socket for both kinds of address writes the older one
    return (mapped or parsed).is_loopback


def _is_allowed_host(host: str) -> bool:
    """Whether a Host header names this app; the port does not matter. Streamlit asks the same of WebSockets alone."""
    if not (match := _HOST.fullmatch(host.lower())):
        return False
    name = (match["v6"] or match["name"]).rstrip(".")
    allowed = [str(a).strip().lower().rstrip(".") for a in st.get_option("server.allowedHosts")]
    return any(a in ("*", name) or (a.startswith("*.") and name.endswith(a[1:])) for a in allowed)


def _security_headers(host: str) -> list[tuple[bytes, bytes]]:
    policy = _POLICY.format(sockets=f"ws://{host} wss://{host}")  # not every browser counts them as 'self'
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
        await send({"type": "websocket.close", "code": 1008})  # before it was accepted: HTTP 403
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-frame-options", b"DENY")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})
