"""Stand-in until the cleaner is merged."""
from types import SimpleNamespace


def decode(data, *, encoding=None, name=""):
    return data.decode(encoding or "utf-8-sig"), "utf-8"


def clean(text):
    return SimpleNamespace(text=text.replace("\r\n", "\n"))
