"""Headers: what each way of writing one says of the book."""

import pytest

from pipelines.gutenberg.header import read_header


@pytest.mark.parametrize(
    ("header", "read"),
    [
        ("Title: The Lamp\n       Or, a Light\n", {"title": "The Lamp Or, a Light"}),
        ("Author: Ada Quill\n        Bo Pen\n", {"author": "Ada Quill; Bo Pen"}),
        ("Language: English, Tagalog\n", {"language": "en; tl"}),
        ("Language: Klingon\n", {"language": "Klingon"}),
        ("Release Date: July 01, 1998 [EBook #9]\n", {"release_date": "1998-07-01"}),
        ("Release Date: June, 1998\n", {"release_date": "1998-06"}),
        ("Release Date: January 1994 [EBook #9]\n", {"release_date": "1994-01"}),
        ("Release date: Brumaire 3, 1994\n", {"release_date": ""}),
        ("Posting Date: August 26, 2008 [EBook #9]\nRelease Date: June, 1998\n", {"release_date": "1998-06"}),
        ("April, 2001  [Etext #9]\n", {"release_date": "2001-04"}),
        (
            "**The Project Gutenberg Etext of The Lamp, by Ada Quill**\n",
            {"title": "The Lamp", "author": "Ada Quill"},
        ),
        (
            'Project Gutenberg Etext "Die Lampe", von Ada Quill\n',
            {"title": "Die Lampe", "author": "Ada Quill"},
        ),
        ("*** START OF THE PROJECT GUTENBERG EBOOK X ***\nTitle: Not this\n", {"title": ""}),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_header(header, read, newline):
    book = read_header(header.replace("\n", newline), number=9)
    empty = {"id": 9, "title": "", "author": "", "language": "", "release_date": "", "subjects": ""}
    assert vars(book) == empty | read
