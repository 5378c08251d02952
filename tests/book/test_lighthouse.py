"""Pages travel to Lighthouse as they would to a reader."""

import gzip
from functools import partial
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest
from lighthouse import Compressed


@pytest.fixture
def ask(tmp_path):
    """Serve two files; return a function that asks for one."""
    (tmp_path / "page.html").write_text("where is it? " * 100)
    (tmp_path / "picture.png").write_bytes(bytes(1000))
    serve = partial(Compressed, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()

        def get(path):
            connection = HTTPConnection(*server.server_address)
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer, body

        yield get
        server.shutdown()


def test_text_travels_compressed(ask):
    answer, body = ask("/page.html?version=1")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(body) < 200
    assert gzip.decompress(body) == b"where is it? " * 100


def test_pictures_travel_as_they_are(ask):
    answer, body = ask("/picture.png")
    assert answer.headers["Content-Encoding"] is None
    assert body == bytes(1000)


def test_a_page_that_was_not_built_is_missing(ask):
    assert ask("/absent.html")[0].status == 404
