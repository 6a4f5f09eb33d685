"""A page on which the JavaScript modules can be imported as they are, for the tests that read their answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from tests.browser import ROOT, chromium

BROWSER = ROOT / "heat_core" / "workbench" / "browser"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *what):
        pass


@contextmanager
def module_page() -> Iterator:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=BROWSER))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/inspect.html")
        yield page
    server.shutdown()
    server.server_close()
