"""The bytes of a file, or a prompt → text."""

import unicodedata
from dataclasses import dataclass

from pipelines import UserError
from pipelines.decoding import decode, is_html
from pipelines.gutenberg import cleaning
from pipelines.options import has_raw_bytes
from pipelines.sources import typography
from pipelines.sources.documents import Document


@dataclass(frozen=True)
class Reader:
    """How text is read: the same way in training, in evaluation and in prompts.

    Attributes:
        encoding: the encoding of files; empty: detected.
        expected: an encoding to try before detection, such as that of the text the model was trained on.
        clean: whether to remove what Project Gutenberg adds, and to compose accents (NFC).
        plain: whether texts get plain typography, see `typography.plain`. `read` leaves that to `Plain`, because a text
            is cut into lines or rows first.
    """

    encoding: str = ""
    expected: str = ""
    clean: bool = True
    plain: bool = False

    def read(self, data: bytes, *, name: str) -> Document:
        """Returns the text of a file.

        Raises:
            UserError: it isn't text in its encoding, or it is HTML although it is to be cleaned.
        """
        text, encoding, replaced = decode(data, encoding=self.encoding, expected=self.expected, name=name)
        if not self.clean:
            return Document(_with_plain_newlines(text), encoding, replaced)
        if is_html(text):
            raise UserError(f"{name}: an HTML page, not plain text; convert it, or read its tags too with --noclean")
        cleaned = cleaning.clean(text)
        return Document(cleaned.text, encoding, replaced, cleaned.rules, cleaned.dropped)

    def prompt(self, text: str) -> str:
        """Returns a prompt in the form of the training text. Before: `"\\ufeffe\\u0301\\r\\n"`; after:
        `"é\\n"`.

        Raises:
            UserError: it holds bytes that aren't UTF-8.
        """
        if has_raw_bytes(text):
            raise UserError(f"{text!a}: not UTF-8; convert it, or set the terminal to UTF-8")
        text = _with_plain_newlines(text.removeprefix("\ufeff"))
        text = unicodedata.normalize("NFC", text) if self.clean else text
        return typography.plain(text) if self.plain else text


def _with_plain_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
