"""Downloaded files: whole where they stand, and checked against the sum that was recorded first.

Beside `pg84.txt` stands `pg84.txt.sha256`, which `sha256sum --check` reads.
"""

import hashlib
from pathlib import Path

from pipelines import UserError
from pipelines.files import written_aside


def check(file: Path) -> None:
    """Checks a file against its recorded sum. The sum of a file that was put there by hand is recorded now.

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
    """Writes `data` and its sum. The file comes last, so where it stands, both are whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # an older one would contradict the new sum
    _write_record(file, hashlib.sha256(data).hexdigest())
    with written_aside(file) as path:
        path.write_bytes(data)


def _record(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")


def _write_record(file: Path, digest: str) -> None:
    with written_aside(_record(file)) as path:
        path.write_text(f"{digest}  {file.name}\n", encoding="utf-8")
