import hashlib
import http.server
import threading

import pytest

from ssl_lib.data import downloads
from ssl_lib.data.downloads import Remote, fetch
from ssl_lib.errors import MissingData

CONTENT = b"some,data\n1,2\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_LIB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SSL_LIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SSL_LIB_OFFLINE", raising=False)
    monkeypatch.setattr(downloads, "_unreachable", {})


@pytest.fixture
def server():
    """Serve CONTENT at /good.csv, counting requests; anything else is 404."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests += 1
            self.send_response(200 if self.path == "/good.csv" else 404)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *arguments):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = 0
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def remote(server=None, name="good.csv", digest=DIGEST):
    port = server.server_port if server else 9
    return Remote(f"set/{name}", f"http://127.0.0.1:{port}/{name}", digest)


def put(content=CONTENT, name="good.csv"):
    local = remote(name=name).local
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_bytes(content)
    return local


def test_downloads_once(server):
    path = fetch(remote(server))
    assert path.read_bytes() == CONTENT
    assert fetch(remote(server)) == path
    assert server.requests == 1
    assert [file.name for file in path.parent.iterdir()] == ["good.csv"]


def test_what_is_there_needs_no_network(monkeypatch):
    monkeypatch.setenv("SSL_LIB_OFFLINE", "1")
    local = put()
    assert fetch(remote()) == local


def test_content_is_verified_once(monkeypatch):
    put()
    fetch(remote())
    monkeypatch.setattr(downloads.hashlib, "file_digest", lambda *a: pytest.fail("hashed again"))
    fetch(remote())


def test_a_changed_file_is_noticed():
    local = put()
    fetch(remote())
    local.write_bytes(CONTENT.replace(b"1", b"3"))
    with pytest.raises(MissingData, match="another content than expected"):
        fetch(remote())


def test_another_hash_is_not_covered_by_the_stamp():
    put()
    fetch(remote())
    with pytest.raises(MissingData, match="another content"):
        fetch(remote(digest="0" * 64))


def test_a_download_with_another_content_leaves_nothing(server):
    with pytest.raises(MissingData, match="the download failed"):
        fetch(remote(server, digest="0" * 64))
    assert not remote(server).local.exists()


def test_an_absent_page(server):
    with pytest.raises(MissingData, match=r"the download failed.*404"):
        fetch(remote(server, name="absent.csv"))
    assert fetch(remote(server)).read_bytes() == CONTENT


def test_offline_says_everything_needed(monkeypatch):
    monkeypatch.setenv("SSL_LIB_OFFLINE", "1")
    with pytest.raises(MissingData) as caught:
        fetch(remote())
    message = str(caught.value)
    for part in ("good.csv", remote().url, DIGEST, str(remote().local), "'quick'", "OFFLINE"):
        assert part in message
    assert "\n" not in message


def test_an_unreachable_host_is_asked_once(monkeypatch):
    with pytest.raises(MissingData, match="cannot be reached"):
        fetch(remote())
    monkeypatch.setattr(downloads, "_download", lambda *a: pytest.fail("asked again"))
    with pytest.raises(MissingData, match="cannot be reached"):
        fetch(remote(name="other.csv"))


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("", False), ("0", False)])
def test_offline(monkeypatch, value, expected):
    monkeypatch.setenv("SSL_LIB_OFFLINE", value)
    assert downloads.offline() is expected
