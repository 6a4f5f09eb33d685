"""Who may come in: what the server listens on, and which requests it refuses."""

import asyncio
import http.client
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit as st
from streamlit import config

from app.server import access_control
from tests.browser import APP, ROOT, streamlit_on

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def ask(address: str, path: str = "/", **headers: str) -> tuple[int, str, dict[str, str]]:
    """A request as its headers say: status, body, headers."""
    to = urlsplit(address)
    connection = http.client.HTTPConnection(to.hostname, to.port, timeout=20)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = "" if answer.status == 101 else answer.read().decode()
    connection.close()
    return answer.status, body, {k.lower(): v for k, v in answer.getheaders()}


def stream(address: str, **headers: str) -> int:
    """The status of a WebSocket's handshake."""
    return ask(address, "/_stcore/stream", **headers, **{k.replace("-", "_"): v for k, v in UPGRADE.items()})[0]


def listening(port: int) -> set[str]:
    """The addresses that a process on this machine listens on, of a port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.split(":")[1], 16) == port:
                found.add(local.split(":")[0])
    return found


@pytest.fixture(scope="module", params=["the clone", "elsewhere"])
def served(request, tmp_path_factory):
    """The app, started from the clone, and from a directory that has nothing to do with it."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with streamlit_on(APP, ROOT if request.param == "the clone" else elsewhere, HEAT_HOME=str(elsewhere)) as address:
        yield address


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's table of sockets")
def test_it_listens_on_this_machine_alone(served):
    """It listens on this machine alone, wherever it was started."""
    assert listening(urlsplit(served).port) == {"0100007F"}


def test_it_answers_this_machine(served):
    status, body, _ = ask(served)
    assert (status, "<title>Streamlit</title>" in body) == (200, True)
    host = urlsplit(served).netloc
    assert stream(served, Origin=served) == 101
    assert ask(served, Host=host.replace("127.0.0.1", "localhost"))[0] == 200
    assert ask(served, Host="[::1]:8501")[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "a@localhost", "localhost:x", "["]
)
def test_another_name_is_refused_everywhere(served, host):
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/media/x.png", "/explore"):
        status, body, _ = ask(served, path, Host=host)
        assert status in (400, 403), path  # 400: of a Host that no server takes
        assert "<title>" not in body
    assert stream(served, Host=host, Origin=f"http://{host}") in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:1", "null", "https://127.0.0.1"])
def test_a_page_of_another_origin_is_refused(served, origin):
    assert stream(served, Origin=origin) == 403
    assert ask(served, Origin=origin)[0] == 403


def test_a_header_lists_what_a_browser_may_load(served):
    _, _, headers = ask(served)
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "img-src 'self' data: blob:;" in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in headers


def test_started_open_it_says_one_sentence_and_shows_nothing(tmp_path):
    home = tmp_path / "home"
    with streamlit_on(APP, tmp_path, "--server.address", "0.0.0.0", HEAT_HOME=str(home)) as address:
        status, body, _ = ask(address)
        assert (status, body) == (403, access_control.NOT_LOCAL)
        assert "SSH tunnel" in body
        assert access_control.ALLOW_REMOTE in body
        assert stream(address, Origin=address) == 403
    assert not home.exists()


def test_started_open_on_purpose_it_answers_its_names_alone(tmp_path):
    options = ("--server.address", "0.0.0.0", "--server.allowedHosts", "127.0.0.1", "--server.allowedHosts", "lab")
    with streamlit_on(APP, tmp_path, *options, HEAT_HOME=str(tmp_path), HEAT_ALLOW_REMOTE="1") as address:
        assert ask(address)[0] == ask(address, Host="lab:1")[0] == 200
        assert stream(address, Origin=address) == 101
        assert ask(address, Host="evil.example")[:2] == (403, access_control.UNKNOWN_HOST)


@pytest.mark.parametrize(
    ("client", "address", "allowed", "answered"),
    [
        ("127.0.0.1", "127.0.0.1", "", True),
        ("::1", "localhost", "", True),
        ("::ffff:127.0.0.1", "::1", "", True),
        ("127.0.0.5", "127.0.0.1", "", True),
        ("192.168.1.7", "127.0.0.1", "", False),
        ("fe80::1%eth0", "127.0.0.1", "", False),
        ("", "127.0.0.1", "", False),
        ("127.0.0.1", "0.0.0.0", "", False),
        ("127.0.0.1", None, "", False),  # every address
        ("127.0.0.1", "lab.example", "", False),
        ("192.168.1.7", "0.0.0.0", "1", True),
        ("192.168.1.7", "0.0.0.0", "yes", False),
    ],
)
def test_who_is_let_in(client, address, allowed, answered, monkeypatch):
    options = {"server.address": address, "server.allowedHosts": ["localhost", "::1"]}
    monkeypatch.setattr(st, "get_option", options.get)
    monkeypatch.setenv(access_control.ALLOW_REMOTE, allowed)
    for host in ("localhost", "LOCALHOST.:80", "[::1]:9"):
        assert access_control.refusal(host, None, client) == (None if answered else access_control.NOT_LOCAL)
    if answered:
        assert access_control.refusal("localhost.evil.example", None, client) == access_control.UNKNOWN_HOST


def test_nothing_reaches_the_app_without_access():
    async def app(scope, receive, send):
        pytest.fail("was reached")

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": [(b"host", b"localhost")], "client": ("10.0.0.9", 5)}
    asyncio.run(access_control.AccessControl(app)(scope, None, send))
    assert sent[0]["status"] == 403


def test_the_configuration_lies_beside_the_script():
    files = config.get_config_files("config.toml")
    assert (APP.parent / ".streamlit" / "config.toml").exists()
    assert not (APP.parents[1] / ".streamlit").exists(), files


def test_a_request_without_a_name_is_refused(served):
    with socket.create_connection((urlsplit(served).hostname, urlsplit(served).port), 5) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")  # no Host at all
        assert raw.recv(64).split()[1] in (b"400", b"403")
