"""Downloads books from a mirror of Project Gutenberg, slowly, and each book once.

A book is kept in the cache folder as `pg84.txt`, exactly as it was served, beside `pg84.txt.sha256`, which
`sha256sum --check` reads.
"""

import functools
import gzip
import hashlib
import math
import re
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from tqdm import tqdm

from pipelines import UserError
from pipelines.decoding import is_html
from pipelines.files import atomic_write
from pipelines.gutenberg import DEFAULT_MIRROR

USER_AGENT = "char_lstm_tf (trains language models; fetches each book once, a file in two seconds)"
_MAIN_SITES = ("gutenberg.org", "www.gutenberg.org")  # for people; robots are asked to use mirrors

SLOWEST = 1_000  # bytes per second; a book of a megabyte then takes a quarter of an hour
_BUSY = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 300  # seconds, even if the mirror asks for more in Retry-After
# Error messages that servers send with status 200
_LONGEST_ERROR = 300
_ERROR = re.compile(rb"\b(?:404|403|50[0-4]|not found|forbidden|denied|error|unavailable)\b", re.IGNORECASE)
_OLD_END = re.compile(rb"end of (?:the |this )?(?:project gutenberg|e-?text)", re.IGNORECASE)
# Notices have 2,000 bytes. A book with its licence has more than 20,000, even one about robots.
_LONGEST_NOTICE = 20_000
_ROBOT_NOTICE = re.compile(
    rb"(?<!name=\")\brobots?\b|automated (?:access|download|software)|make sure you are human", re.IGNORECASE
)
_REFUSES_ROBOTS = "the mirror refuses robots; try tomorrow, or another --mirror"
_last_requests: dict[str, float] = {}  # mirror → time.monotonic() of the last request of this process


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """A copy of Project Gutenberg, and how to treat it.

    Attributes:
        url: where its folders `cache`, `0`, `1`, … are; http or https.
        pause_seconds: from one request to the next.
        retries: after a busy server, a reset, a timeout or a truncated file.
        backoff_seconds: half the pause before the second retry; each further pause is twice as long.
        timeout_seconds: for a byte from the server, and until a slow download may fail.
    """

    url: str = DEFAULT_MIRROR
    pause_seconds: float = 2.0
    retries: int = 5
    backoff_seconds: float = 1.0
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Raises UserError if the address can't be that of a mirror."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"--mirror={self.url} is not an http address; try --mirror={DEFAULT_MIRROR}")
        if parts.hostname in _MAIN_SITES:
            raise UserError(f"--mirror={self.url} is the main site, which is for people; try --mirror={DEFAULT_MIRROR}")

    def address(self, path: str) -> str:
        """Returns the URL of a path: "cache/x" → "https://gutenberg.pglaf.org/cache/x"."""
        return f"{self.url.rstrip('/')}/{path}"


def book_number(value: int | str) -> int:
    """Returns the number of a book: " 2600" → 2600. Raises UserError for anything else."""
    text = str(value).strip()
    if not re.fullmatch(r"[1-9][0-9]{0,6}", text):
        raise UserError(f"--books={text[:40]!r}: not the number of a book, such as 84 in gutenberg.org/ebooks/84")
    return int(text)


def book_paths(number: int) -> list[str]:
    """Returns where mirrors may keep a book, best text first.

    84 → ["cache/epub/84/pg84.txt", "8/84/84-0.txt", "8/84/84-8.txt", "8/84/84.txt"];  7 → […, "0/7/7.txt"]
    """
    folder = "/".join([*(str(number)[:-1] or "0"), str(number)])
    tree = [f"{folder}/{number}{charset}.txt" for charset in ("-0", "-8", "")]  # UTF-8, 8 bits, ASCII
    return [f"cache/epub/{number}/pg{number}.txt", *tree]


def fetch_book(book_id: int | str, *, mirror: Mirror, folder: Path) -> Path:
    """Returns the file of a book as it was served. It is downloaded unless it is in `folder` already.

    Raises:
        UserError: there is no such book, no answer, an answer that isn't a book, or the file has changed since it was
            downloaded. The message is one line with the book and the URL or file.
    """
    number = book_number(book_id)
    return fetch_file(book_paths(number), name=f"pg{number}.txt", called=f"book {number}", mirror=mirror, folder=folder)


def fetch_books(book_ids: Sequence[int | str], *, mirror: Mirror, folder: Path) -> Iterator[tuple[int, Path]]:
    """Yields (number, file) of each book in order, with a progress bar on stderr. Raises what `fetch_book` does."""
    for book_id in tqdm(book_ids, desc="Project Gutenberg", unit="book"):
        number = book_number(book_id)
        yield number, fetch_book(number, mirror=mirror, folder=folder)


def fetch_file(paths: Sequence[str], *, name: str, called: str, mirror: Mirror, folder: Path) -> Path:
    """Returns `folder / name`. Unless it is there already, it is downloaded from the first of `paths` that exists.

    Raises:
        UserError: as `fetch_book`.
    """
    target = folder / name
    if target.exists():
        _check(target)
        return target
    objections = []
    for path in paths:
        data, objection = _get(mirror.address(path), called=called, mirror=mirror)
        if not objection:
            store(data, target)
            if _has_no_end(data):
                print(f"warning: {called}: may be cut short, its text has no closing line: {target}", file=sys.stderr)
            return target
        objections.append(f"{mirror.address(path)}: {objection}")
    if all(objection.endswith("HTTP status 403") for objection in objections):
        raise UserError(f"{called}: {mirror.url}: {_REFUSES_ROBOTS}")
    raise UserError(f"{called}: {'; '.join(objections)}; check the number, or try another --mirror")


def _get(url: str, *, called: str, mirror: Mirror) -> tuple[bytes, str]:
    """Returns the body, and why it isn't a text to keep ("" if it is one).

    Raises:
        UserError: other URLs of this mirror wouldn't help.
    """
    last = _last_requests.get(mirror.url, -math.inf)
    time.sleep(max(0.0, last + mirror.pause_seconds - time.monotonic()))
    try:
        response, body = _request(url, mirror)
    except urllib3.exceptions.HTTPError as error:
        reason = getattr(error, "reason", None) or error
        raise UserError(f"{called}: {url}: {reason}; try later, or another --mirror") from None
    finally:
        _last_requests[mirror.url] = time.monotonic()
    try:
        data = _unpacked(body, encoding=response.headers.get("Content-Encoding", "identity").lower())
    except (EOFError, OSError, zlib.error) as error:
        return b"", f"damaged or cut short ({error})"
    is_notice = response.status == 200 and len(data) < _LONGEST_NOTICE and b"*** START OF TH" not in data
    if is_notice and _ROBOT_NOTICE.search(data):
        raise UserError(f"{called}: {url}: {_REFUSES_ROBOTS}")
    return data, _objection(response, data)


def _request(url: str, mirror: Mirror) -> tuple[urllib3.BaseHTTPResponse, bytes]:
    """Returns the answer and its whole body, after as many attempts as the mirror's settings allow.

    Raises:
        urllib3.exceptions.HTTPError: there is no answer, or the last attempt was cut short or too slow.
    """
    for attempts_left in range(mirror.retries, -1, -1):
        response = _pool(mirror).request("GET", url, redirect=False, decode_content=False, preload_content=False)
        try:
            return response, _body(response, mirror)
        except (urllib3.exceptions.ProtocolError, urllib3.exceptions.TimeoutError):
            if not attempts_left:
                raise
            time.sleep(mirror.backoff_seconds * 2 ** (mirror.retries - attempts_left))
        finally:
            response.release_conn()
    raise AssertionError("the last attempt returns or raises")


def _body(response: urllib3.BaseHTTPResponse, mirror: Mirror) -> bytes:
    """Returns the body of an answer.

    Raises:
        urllib3.exceptions.TimeoutError: after `timeout_seconds`, it comes at less than `SLOWEST` bytes per second.
        urllib3.exceptions.ProtocolError: it is cut short.
    """
    started, body = time.monotonic(), bytearray()
    while part := response.read1(1 << 16, decode_content=False):
        body += part
        spent = time.monotonic() - started
        if spent > mirror.timeout_seconds and len(body) < SLOWEST * spent:
            response.close()
            raise urllib3.exceptions.TimeoutError(f"slower than {SLOWEST:,} bytes per second")
    return bytes(body)


def _unpacked(body: bytes, *, encoding: str) -> bytes:
    """Returns the body, decompressed whether or not the server says that it is compressed.

    Raises:
        EOFError: it is cut short. urllib3 would return its beginning.
        OSError: it is damaged, or packed in another way.
        zlib.error: it is damaged.
    """
    if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise OSError(f"Content-Encoding {encoding}")
    if encoding == "deflate":
        return zlib.decompress(body)
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


class _Retry(urllib3.Retry):
    """Retries that ignore a Retry-After that can't be read, instead of giving up."""

    def parse_retry_after(self, retry_after: str) -> float:
        """Returns the seconds to wait; 0 if the header can't be read."""
        try:
            return super().parse_retry_after(retry_after)
        except urllib3.exceptions.InvalidHeader:
            return 0.0


@functools.cache
def _pool(mirror: Mirror) -> urllib3.PoolManager:
    """Returns the connections to `mirror`. They retry with growing pauses, also after a truncated body."""
    retry = _Retry(
        total=mirror.retries,
        backoff_factor=mirror.backoff_seconds,
        status_forcelist=_BUSY,
        retry_after_max=_LONGEST_WAIT,
    )
    return urllib3.PoolManager(headers={"User-Agent": USER_AGENT}, retries=retry, timeout=mirror.timeout_seconds)


def _objection(response: urllib3.BaseHTTPResponse, data: bytes) -> str:
    """Returns why the answer isn't a text to keep; "" if it is one."""
    if response.status != 200:  # a redirection too: it could lead to the main site
        return f"HTTP status {response.status} {response.headers.get('Location', '')}".rstrip()
    if not data.strip():
        return "an empty file"
    if "html" in response.headers.get("Content-Type", "") or is_html(data.decode("utf-8", "replace")):
        return "an HTML page, not a text"
    if len(data) < _LONGEST_ERROR and _ERROR.search(data):
        return f"an error message, not a text ({data.decode('ascii', 'backslashreplace').strip()[:60]!r})"
    if b"*** START OF TH" in data and b"*** END OF TH" not in data:
        return "cut short (no end marker)"
    measured = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    if not measured and _has_no_end(data):
        return "cut short (no closing line, and the server didn't say how long it is)"
    return ""


def _has_no_end(data: bytes) -> bool:
    """Returns whether an old etext lacks the line that most of them end with."""
    return b"SMALL PRINT!" in data and not _OLD_END.search(data)


def _check(file: Path) -> None:
    """Checks a file against its checksum. If it has none, since it was put there by hand, it gets one.

    Raises:
        UserError: the file isn't what was stored.
    """
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    record = _record(file)
    if not record.exists():
        _write_record(file, digest)
    elif record.read_text("utf-8").split()[:1] != [digest]:
        raise UserError(f"{file}: not what was downloaded (its SHA-256 differs): delete it to download it again")


def store(data: bytes, file: Path) -> None:
    """Writes `data` and its checksum. The file is written last, so if it exists, both are complete."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # an older one would contradict the new sum
    _write_record(file, hashlib.sha256(data).hexdigest())
    with atomic_write(file) as path:
        path.write_bytes(data)


def _write_record(file: Path, digest: str) -> None:
    with atomic_write(_record(file)) as path:
        path.write_text(f"{digest}  {file.name}\n", encoding="utf-8")


def _record(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")
