"""The catalogue: reading, refreshing, searching, on lines written in its form."""

import os
import time

import pytest
from test_gutenberg_mirror import serving

from pipelines import UserError
from pipelines.gutenberg import catalogue
from pipelines.gutenberg.catalogue import Book
from pipelines.gutenberg.mirror import Mirror, store

CATALOGUE = """\
Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves
1,Text,1971-12-01,The Lamp,en,"Quill, Ada, 1801-1850",Light -- Fiction,PR,
2,Text,1999-05-02,"The Lamp
Or, the Émigré",en; fr,"Quill, Ada, 1801-1850; Other, Ann, 1900- [Translator]",Light; Exile,PR,
3,Text,2004-01-31,La lampe,fr,"Plume, Zoé; Quill, Ada",,PQ,
4,Sound,2004-01-31,The Lamp (reading),en,"Quill, Ada",,,
5,Text,2005-01-31,Nobody's Notes,de,,,,
"""
NOBODY = Mirror(url="http://127.0.0.1:9/", retries=0, pause_seconds=0)


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def folder(tmp_path):
    store(CATALOGUE.encode("utf-8-sig"), tmp_path / "pg_catalog.csv")
    return tmp_path


@pytest.fixture
def books(folder):
    return catalogue.load(mirror=NOBODY, folder=folder)


def test_records(books):
    assert [book.id for book in books] == [1, 2, 3, 5]
    assert books[1] == Book(
        id=2,
        title="The Lamp Or, the Émigré",
        author="Quill, Ada, 1801-1850",
        language="en; fr",
        release_date="1999-05-02",
        subjects="Light; Exile",
    )
    assert books[3].author == ""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("author:Quill", [1, 2, 3]),
        ("author:quill language:en", [1, 2]),
        ("language:fr", [2, 3]),
        ('title:"or, the emigre"', [2]),
        ('author:"Quill, Ada, 1801"', [1, 2]),
        ("author:Other", []),
        ("subject:fiction", [1]),
        ("id:3", [3]),
        ("id:", None),
        ("zoe", [3]),
        ("1850 LAMP", [1, 2]),
        ("title:nobody's", [5]),
        ("language:e", []),
        ("", None),
        ('title:"open', None),
        ("title:nobody’s", [5]),
        ('author:"ada quill"', [1, 2, 3]),
        ("editor:Ann", None),
    ],
)
def test_search(books, query, found):
    if found is None:
        with pytest.raises(UserError, match=f"--books={query}"):
            catalogue.search(query, books=books)
    else:
        assert [book.id for book in catalogue.search(query, books=books)] == found


def test_a_search_that_finds_too_many_books_or_none_is_an_error(folder):
    def numbers(query, max_books):
        return catalogue.numbers(query, mirror=NOBODY, folder=folder, max_books=max_books)

    assert len(numbers("author:quill", 4)) <= 4
    with pytest.raises(UserError, match=r"--books=author:quill: \d books match, 1 are allowed; .*--max_books=\d"):
        numbers("author:quill", 1)
    with pytest.raises(UserError, match="--books=title:nowhere: no book matches"):
        numbers("title:nowhere", 3)


def test_numbers_need_no_catalogue(tmp_path):
    found = catalogue.numbers("2600, 1399,84 2600", mirror=NOBODY, folder=tmp_path, max_books=1)
    assert found == [2600, 1399, 84]


def test_search_prints_what_it_found_and_refuses_too_many_books(folder, capsys):
    asked = {"mirror": NOBODY, "folder": folder}
    assert catalogue.numbers("author:quill language:en", max_books=2, **asked) == [1, 2]
    shown = capsys.readouterr()
    assert "1  The Lamp (Quill, Ada, 1801-1850, en)\n" in shown.err
    assert "2  The Lamp Or, the Émigré (" in shown.err
    assert shown.out == ""
    with pytest.raises(UserError, match=r"2 books match, 1 are allowed; .*--max_books=2"):
        catalogue.numbers("author:quill language:en", max_books=1, **asked)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_mistake_in_a_search_is_reported_before_the_download(tmp_path):
    with pytest.raises(UserError, match="--books=editor:Ann"):
        catalogue.numbers("editor:Ann", mirror=NOBODY, folder=tmp_path, max_books=1)


def grow_old(file, *, days):
    """Makes `file` look as if it had been downloaded so many days ago."""
    then = time.time() - days * 86_400
    os.utime(file, (then, then))


def test_first_load_downloads(server, tmp_path):
    server.answers["/cache/epub/feeds/pg_catalog.csv"] = [(200, {}, CATALOGUE.encode())]
    for _ in range(2):
        assert len(catalogue.load(mirror=server.mirror(), folder=tmp_path)) == 4
    assert len(server.requests) == 1


def test_old_catalogue_is_refreshed(server, folder):
    grown = f"{CATALOGUE}6,Text,,X,en,,,,\n".encode()
    server.answers["/cache/epub/feeds/pg_catalog.csv"] = [(200, {}, grown)]
    grow_old(folder / "pg_catalog.csv", days=29)
    assert len(catalogue.load(mirror=server.mirror(), folder=folder)) == 4
    grow_old(folder / "pg_catalog.csv", days=31)
    assert len(catalogue.load(mirror=server.mirror(), folder=folder)) == 5
    assert sorted(path.name for path in folder.iterdir()) == ["pg_catalog.csv", "pg_catalog.csv.sha256"]


def test_old_catalogue_is_kept_if_the_mirror_cannot_be_reached(folder):
    grow_old(folder / "pg_catalog.csv", days=365)
    assert len(catalogue.load(mirror=NOBODY, folder=folder)) == 4
    assert len(catalogue.load(mirror=NOBODY, folder=folder)) == 4


def test_no_catalogue_and_no_mirror_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"catalogue: http://127\.0\.0\.1:9/cache/epub/feeds/pg_catalog\.csv"):
        catalogue.load(mirror=NOBODY, folder=tmp_path)


def test_a_table_with_other_columns_is_refused(tmp_path):
    store(b"a,b\n1,2\n", tmp_path / "pg_catalog.csv")
    with pytest.raises(UserError, match=r"pg_catalog\.csv: no column 'Text#'"):
        catalogue.load(mirror=NOBODY, folder=tmp_path)


@pytest.mark.parametrize(
    "damaged",
    [
        CATALOGUE.encode()[:-20],
        CATALOGUE.encode("latin-1"),
        b"\x1f\x8b\x08 no catalogue",
        CATALOGUE.encode() + b'6,Text,2005-01-31,Open,de,,,,"open\n',
    ],
    ids=["cut", "latin-1", "gzip", "quote"],
)
def test_a_damaged_catalogue_is_downloaded_again(server, tmp_path, damaged):
    store(damaged, tmp_path / "pg_catalog.csv")
    with pytest.raises(UserError, match=r"pg_catalog\.csv: .*catalogue"):
        catalogue.load(mirror=NOBODY, folder=tmp_path)
    store(damaged, tmp_path / "pg_catalog.csv")
    server.answers["/cache/epub/feeds/pg_catalog.csv"] = [(200, {}, CATALOGUE.encode())]
    assert len(catalogue.load(mirror=server.mirror(), folder=tmp_path)) == 4
