"""Downloaded files: complete where they stand, and checked against the sum recorded at first.

Beside `pg84.txt` stands `pg84.txt.sha256`, which `sha256sum --check` reads.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from pipelines import UserError


def check(file: Path) -> None:
    """Raises UserError if `file` isn't what was stored. Records the sum of one put there by hand."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    record = _record(file)
    if not record.exists():
        _write_aside(f"{digest}  {file.name}\n".encode(), record)
    elif record.read_text("utf-8").split()[:1] != [digest]:
        raise UserError(f"{file}: not what was downloaded (its SHA-256 differs): delete it to fetch it anew")


def store(data: bytes, file: Path) -> None:
    """Writes `data` and its checksum, `file` last: where it stands, both are complete."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # an older one would contradict the new sum
    _write_aside(f"{hashlib.sha256(data).hexdigest()}  {file.name}\n".encode(), _record(file))
    _write_aside(data, file)


def _record(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _write_aside(data: bytes, file: Path) -> None:
    """Writes a hidden file and renames it, so that no interruption and no second run shows half of it."""
    aside = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with aside.open("xb") as part:
            part.write(data)
            part.flush()
            os.fsync(part.fileno())
        aside.replace(file)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
