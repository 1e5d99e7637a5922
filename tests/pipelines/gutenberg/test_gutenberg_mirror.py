"""Downloads, against a server on this machine that misbehaves in each way that mirrors do."""

import gzip
import hashlib
import io
import itertools
import socket
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines import UserError
from pipelines.gutenberg.mirror import (
    DEFAULT_MIRROR,
    Mirror,
    book_number,
    book_paths,
    fetch_book,
    fetch_books,
)

BOOK = ("*** START OF THE PROJECT GUTENBERG EBOOK X ***\r\n" + "Ça va, robot?\r\n" * 3_000).encode()
WHOLE = BOOK + b"*** END OF THE PROJECT GUTENBERG EBOOK X ***\r\n"
CACHED = "/cache/epub/84/pg84.txt"


class MisbehavingServer(ThreadingHTTPServer):
    """Serves `answers[path]`, one a request, the last for ever; notes what was asked and when."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), MisbehavingHandler)
        self.answers = defaultdict(list)
        self.requests = []

    @property
    def paths(self):
        return [path for path, _, _ in self.requests]

    def mirror(self, **settings):
        quick = {"pause_seconds": 0, "backoff_seconds": 0.01, "retries": 3, "timeout_seconds": 2} | settings
        return Mirror(url=f"http://127.0.0.1:{self.server_port}/", **quick)


class MisbehavingHandler(BaseHTTPRequestHandler):
    """An answer is (status, headers, body), or a function of the handler."""

    def do_GET(self):
        self.server.requests.append((self.path, time.monotonic(), dict(self.headers)))
        answers = self.server.answers[self.path] or [(404, {}, b'<html><meta name="robots"></html>')]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            return answer(self)
        status, headers, body = answer
        self.send_response(status)
        for name, value in ({"Content-Length": len(body), "Content-Type": "text/plain"} | headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_):
        pass


def good(body=WHOLE):
    return (200, {}, body)


def reset(handler):
    """Closes the connection so that the client sees ECONNRESET."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()
    handler.wfile = handler.rfile = io.BytesIO()  # the base class would flush and close the socket's


def silence(handler):
    time.sleep(0.6)


def half(handler):
    """Promises the whole book and sends half of it."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(WHOLE)))
    handler.end_headers()
    handler.wfile.write(WHOLE[: len(WHOLE) // 2])


def drop_by_drop(handler):
    """Sends 50 bytes per second, so that each arrives in time."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(WHOLE)))
    handler.end_headers()
    with suppress(OSError):
        for place in range(100):
            handler.wfile.write(WHOLE[place : place + 1])
            handler.wfile.flush()
            time.sleep(0.02)


def half_without_length(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(BOOK)


def half_with_its_length(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(WHOLE) // 2))
    handler.end_headers()
    handler.wfile.write(WHOLE)


@contextmanager
def serving():
    """Yields a server that runs until the end of the test. Other tests of Gutenberg use it too."""
    with MisbehavingServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def server():
    with serving() as running:
        yield running


def test_paths_of_both_layouts():
    assert book_paths(84) == ["cache/epub/84/pg84.txt", "8/84/84-0.txt", "8/84/84-8.txt", "8/84/84.txt"]
    assert book_paths(7)[-1] == "0/7/7.txt"
    assert book_paths(12345)[-1] == "1/2/3/4/12345/12345.txt"


@pytest.mark.parametrize("number", range(4))
def test_layouts_are_tried_in_order(server, tmp_path, number):
    paths = ["/" + path for path in book_paths(84)]
    for path in paths[number:]:
        server.answers[path] = [good(WHOLE + path.encode())]
    file = fetch_book(84, mirror=server.mirror(), folder=tmp_path)
    assert file.read_bytes() == WHOLE + paths[number].encode()
    assert server.paths == paths[: number + 1]


def test_second_fetch_makes_no_request_and_the_sum_is_recorded(server, tmp_path):
    server.answers[CACHED] = [good()]
    file = fetch_book("84", mirror=server.mirror(), folder=tmp_path / "new")
    assert fetch_book(84, mirror=server.mirror(), folder=tmp_path / "new") == file
    assert len(server.requests) == 1
    record = (tmp_path / "new" / "pg84.txt.sha256").read_text()
    assert record == f"{hashlib.sha256(WHOLE).hexdigest()}  pg84.txt\n"


def test_changed_file_is_refused(server, tmp_path):
    server.answers[CACHED] = [good()]
    file = fetch_book(84, mirror=server.mirror(), folder=tmp_path)
    file.write_bytes(WHOLE + b"!")
    with pytest.raises(UserError, match=r"pg84\.txt: not what was downloaded.*delete"):
        fetch_book(84, mirror=server.mirror(), folder=tmp_path)


def test_file_copied_by_hand_is_used_and_checked_from_then_on(tmp_path):
    (tmp_path / "pg84.txt").write_bytes(WHOLE)
    nobody = Mirror(url="http://127.0.0.1:9/")
    assert fetch_book(84, mirror=nobody, folder=tmp_path).read_bytes() == WHOLE
    (tmp_path / "pg84.txt").write_bytes(WHOLE[:-1])
    with pytest.raises(UserError, match="not what was downloaded"):
        fetch_book(84, mirror=nobody, folder=tmp_path)


BUSY = [(status, {}, b"busy") for status in (429, 500, 502, 503, 504)]


@pytest.mark.parametrize(
    "mishap",
    [*BUSY, reset, silence, half],
    ids=["429", "500", "502", "503", "504", "reset", "silence", "half"],
)
def test_failed_request_is_retried(server, tmp_path, mishap):
    server.answers[CACHED] = [mishap, mishap, good()]
    mirror = server.mirror(timeout_seconds=0.3)
    assert fetch_book(84, mirror=mirror, folder=tmp_path).read_bytes() == WHOLE
    assert server.paths == [CACHED] * 3


@pytest.mark.parametrize(
    ("mishap", "said"),
    [(BUSY[0], "429"), (BUSY[3], "503"), (reset, "reset"), (silence, "timed out"), (half, "IncompleteRead")],
    ids=["429", "503", "reset", "silence", "half"],
)
def test_request_that_keeps_failing_is_an_error_with_book_and_url(server, tmp_path, mishap, said):
    server.answers[CACHED] = [mishap]
    mirror = server.mirror(timeout_seconds=0.3, retries=1)
    with pytest.raises(UserError, match=rf"book 84: {mirror.url}cache/epub/84/pg84\.txt: .*{said}") as error:
        fetch_book(84, mirror=mirror, folder=tmp_path)
    assert "\n" not in str(error.value)
    assert len(server.requests) == 2
    assert list(tmp_path.iterdir()) == []


def test_refused_connection_is_an_error_with_book_and_url(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        mirror = Mirror(url=f"http://127.0.0.1:{closed.getsockname()[1]}", retries=0)
        with pytest.raises(UserError, match=r"book 84: http://127\.0\.0\.1:\d+/cache/.*refused.*--mirror"):
            fetch_book(84, mirror=mirror, folder=tmp_path)


def test_a_server_that_is_too_slow_is_given_up_after_a_retry(server, tmp_path):
    server.answers[CACHED] = [drop_by_drop]
    started = time.monotonic()
    with pytest.raises(UserError, match=r"book 84: .*slower than 1,000 bytes per second; try later"):
        fetch_book(84, mirror=server.mirror(timeout_seconds=0.3, retries=1), folder=tmp_path)
    assert server.paths == [CACHED] * 2
    assert time.monotonic() - started < 1.9


def test_pauses_between_retries_grow(server, tmp_path):
    server.answers[CACHED] = [BUSY[3], BUSY[3], BUSY[3], good()]
    fetch_book(84, mirror=server.mirror(backoff_seconds=0.1), folder=tmp_path)
    times = [when for _, when, _ in server.requests]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[1] >= 0.2
    assert pauses[2] >= 0.4


def test_retry_after_is_honoured(server, tmp_path):
    server.answers[CACHED] = [(429, {"Retry-After": "1"}, b""), good()]
    fetch_book(84, mirror=server.mirror(), folder=tmp_path)
    (_, first, _), (_, second, _) = server.requests
    assert second - first >= 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {"Content-Type": "text/html; charset=utf-8"}, WHOLE), "HTML"),
        (good(b'\r\n <!DOCTYPE html>\n<meta name="robots"> no book'), "HTML"),
        (good(b""), "empty"),
        (good(b" \r\n\r\n"), "empty"),
        (half_without_length, "cut short"),
        (good(b"404 page not found\n"), "an error message"),
        (good(b"\xef\xbb\xbf<!-- served by x --><html>no book</html>"), "HTML"),
        (good(gzip.compress(WHOLE)[:100]), "damaged or cut short"),
        ((200, {"Content-Encoding": "gzip"}, gzip.compress(WHOLE)[:100]), "damaged or cut short"),
        ((200, {"Content-Encoding": "br"}, b"\x1b"), "Content-Encoding br"),
        (lambda handler: half_with_its_length(handler), "cut short"),
        ((200, {"Content-Length": None}, b"***START**THE SMALL PRINT!**\n" * 2000), "cut short"),
        ((404, {}, b"none"), "404"),
        ((401, {}, b"who?"), "401"),
        ((302, {"Location": "http://127.0.0.1:9/pg84.txt"}, b""), r"302 http://127\.0\.0\.1:9/pg84\.txt"),
    ],
)
def test_answer_that_is_not_a_book_is_an_error_with_all_urls(server, tmp_path, answer, said):
    server.answers[CACHED] = [answer]
    mirror = server.mirror()
    with pytest.raises(UserError, match=rf"book 84: {mirror.url}cache/epub/84/pg84\.txt: .*{said}") as error:
        fetch_book(84, mirror=mirror, folder=tmp_path)
    assert all(f"{mirror.url}{path}: " in str(error.value) for path in book_paths(84))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("end", "warned"), [(b"", True), (b"End of Project Gutenberg's The Lamp\n", False)])
def test_an_old_etext_without_its_closing_line_is_kept_and_warned_of(server, tmp_path, capsys, end, warned):
    server.answers[CACHED] = [(200, {}, b"***START**THE SMALL PRINT!**\n" + b"A lamp.\n" * 4000 + end)]
    assert fetch_book(84, mirror=server.mirror(), folder=tmp_path).is_file()
    assert ("warning: book 84: may be cut short" in capsys.readouterr().err) == warned


def test_next_layout_is_tried_after_an_answer_that_is_not_a_book(server, tmp_path):
    server.answers[CACHED] = [good(b"<html>moved</html>")]
    server.answers["/8/84/84-8.txt"] = [good()]
    assert fetch_book(84, mirror=server.mirror(), folder=tmp_path).read_bytes() == WHOLE


@pytest.mark.parametrize(
    "answer",
    [
        good(b"Please don't use robots here."),
        good(b"<html>Make sure you are human.</html>"),
    ],
)
def test_no_more_requests_follow_a_robot_notice(server, tmp_path, answer):
    server.answers[CACHED] = [answer]
    with pytest.raises(UserError, match=r"book 84: http.*pg84\.txt: the mirror refuses robots"):
        fetch_book(84, mirror=server.mirror(), folder=tmp_path)
    assert server.paths == [CACHED]
    assert list(tmp_path.iterdir()) == []


def test_requests_pause_and_send_a_user_agent(server, tmp_path):
    for number in (84, 85):
        server.answers[f"/cache/epub/{number}/pg{number}.txt"] = [good()]
    list(fetch_books([84, 85], mirror=server.mirror(pause_seconds=0.3), folder=tmp_path))
    (_, first, headers), (_, second, _) = server.requests
    assert second - first >= 0.3
    assert "char_lstm_tf" in headers["User-Agent"]


def test_default_mirror_pauses_and_is_not_the_main_site():
    assert Mirror() == Mirror(url=DEFAULT_MIRROR, pause_seconds=2.0, retries=5)
    assert "gutenberg.org" not in DEFAULT_MIRROR


def test_progress_goes_to_stderr(server, tmp_path, capsys):
    server.answers[CACHED] = [good()]
    assert list(fetch_books([84], mirror=server.mirror(), folder=tmp_path)) == [(84, tmp_path / "pg84.txt")]
    captured = capsys.readouterr()
    assert "1/1" in captured.err
    assert captured.out == ""


def test_interrupted_download_leaves_no_book_behind(server, tmp_path, monkeypatch):
    server.answers[CACHED] = [good()]
    real_replace = Path.replace

    def interrupted(path, target):
        if Path(target).suffix == ".txt":
            raise KeyboardInterrupt
        return real_replace(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with suppress(KeyboardInterrupt):
        fetch_book(84, mirror=server.mirror(), folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pg84.txt.sha256"]
    monkeypatch.undo()
    assert fetch_book(84, mirror=server.mirror(), folder=tmp_path).read_bytes() == WHOLE


@pytest.mark.parametrize("wrong", ["../84", "84/../../x", "0", "-1", "8.4", "", "abc", "84\n85", "9" * 9, "\u0664"])
def test_only_book_numbers_become_paths(wrong):
    with pytest.raises(UserError, match="not the number of a book"):
        book_number(wrong)


@pytest.mark.parametrize("wrong", ["ftp://x.org/", "gutenberg.pglaf.org", "file:///etc", "http://"])
def test_mirror_must_be_an_http_address(wrong):
    with pytest.raises(UserError, match=r"--mirror=.*is not an http address"):
        Mirror(url=wrong)


@pytest.mark.parametrize("main", ["https://www.gutenberg.org", "http://gutenberg.org/"])
def test_the_main_site_is_refused_as_a_mirror(main):
    with pytest.raises(UserError, match=r"--mirror=.*main site.*pglaf"):
        Mirror(url=main)


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_a_compressed_book_is_kept_as_text(server, tmp_path, headers):
    server.answers[CACHED] = [(200, headers, gzip.compress(WHOLE))]
    assert fetch_book(84, mirror=server.mirror(), folder=tmp_path).read_bytes() == WHOLE


def test_one_forbidden_folder_does_not_end_the_search_but_all_of_them_do(server, tmp_path):
    for path in book_paths(84):
        server.answers[f"/{path}"] = [(403, {}, b"no")]
    with pytest.raises(UserError, match="the mirror refuses robots"):
        fetch_book(84, mirror=server.mirror(), folder=tmp_path)
    server.answers["/8/84/84-0.txt"] = [good()]
    assert fetch_book(84, mirror=server.mirror(), folder=tmp_path).read_bytes() == WHOLE


def test_a_short_book_about_robots_is_no_notice(server, tmp_path):
    book = BOOK[:48] + b"Robots!\n" + WHOLE[len(BOOK) :]
    server.answers[CACHED] = [good(book)]
    assert fetch_book(84, mirror=server.mirror(), folder=tmp_path).read_bytes() == book


def test_a_retry_after_that_cannot_be_read_is_ignored(server, tmp_path):
    server.answers[CACHED] = [(503, {"Retry-After": "soon"}, b""), good()]
    assert fetch_book(84, mirror=server.mirror(), folder=tmp_path).read_bytes() == WHOLE
