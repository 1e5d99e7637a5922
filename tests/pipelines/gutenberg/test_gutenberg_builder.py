"""The dataset: records of books we wrote, from files, from a server on this machine, through Apache Beam."""

import sys
import tempfile
import types
from pathlib import Path

import pytest
import tensorflow_datasets as tfds
from conftest import command
from test_gutenberg_mirror import good, serving

from pipelines import UserError
from pipelines.gutenberg import builder as gutenberg
from pipelines.gutenberg import cleaning
from pipelines.gutenberg.prepare import beam_options

# TFDS 4.9.10 under protobuf 6, which is the newest that Apache Beam takes
pytestmark = pytest.mark.filterwarnings(r"ignore:label\(\) is deprecated:DeprecationWarning")

CATALOGUE = """\
Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves
1,Text,1971-12-01,The Lamp,en,"Quill, Ada, 1801-1850",,,
2,Text,1999-05-02,The Ladder,en,"Quill, Ada, 1801-1850",,,
4,Sound,2004-01-31,The Lamp (reading),en,"Quill, Ada",,,
"""


def served(number: int, title: str) -> bytes:
    """Returns a book as a mirror sends it."""
    text = f"""\
The Project Gutenberg eBook of {title}

Title: {title}

Author: Ada Quill

Release date: May {number}, 2004 [eBook #{number}]

Language: French

*** START OF THE PROJECT GUTENBERG EBOOK {title.upper()} ***

Produced by Ann Other


{title.upper()}

Où est-il ?

*** END OF THE PROJECT GUTENBERG EBOOK {title.upper()} ***
"""
    return text.replace("\n", "\r\n").encode()


def text_of(title: str) -> str:
    return f"{title.upper()}\n\nOù est-il ?\n"


class GutenbergTest(tfds.testing.DatasetBuilderTestCase):
    """What TFDS asks of every builder, on files in its download folder."""

    DATASET_CLASS = gutenberg.Gutenberg
    SPLITS = {"train": 2}  # noqa: RUF012 (the base class's way)
    BUILDER_CONFIG_NAMES_TO_TEST = [gutenberg.GutenbergConfig(books=(2, 1))]  # noqa: RUF012

    @classmethod
    def setUpClass(cls):
        cls.downloads = tempfile.TemporaryDirectory()
        cls.EXAMPLE_DIR = cls.downloads.name
        folder = Path(cls.downloads.name) / "gutenberg"
        folder.mkdir()
        for number, title in ((1, "La lampe"), (2, "L'échelle")):
            (folder / f"pg{number}.txt").write_bytes(served(number, title))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.downloads.cleanup()


@pytest.fixture
def server():
    with serving() as running:
        for number, title in enumerate(("La lampe", "L'échelle", "L'île", "Le mur", "L'eau"), start=1):
            running.answers[f"/cache/epub/{number}/pg{number}.txt"] = [good(served(number, title))]
        yield running


def records(builder):
    return list(builder.as_data_source("train"))


def decoded(record):
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in record.items()}


def test_records_in_the_order_asked_for_with_random_access(server, tmp_path):
    asked = [5, 2, "1", 2, 4]
    builder = gutenberg.prepare(asked, data_dir=tmp_path, mirror=server.mirror())
    source = builder.as_data_source("train")
    assert [record["id"] for record in source] == [5, 2, 1, 4]
    assert decoded(source[2]) == {
        "id": 1,
        "title": "La lampe",
        "author": "Ada Quill",
        "language": "fr",
        "release_date": "2004-05-01",
        "text": text_of("La lampe"),
    }
    assert list(Path(builder.data_dir).glob("*.array_record*"))


def test_tensorflow_reads_the_same_records(server, tmp_path):
    builder = gutenberg.prepare([1, 2], data_dir=tmp_path, mirror=server.mirror())
    texts = [record["text"].decode() for record in tfds.as_numpy(builder.as_dataset(split="train"))]
    assert texts == [text_of("La lampe"), text_of("L'échelle")]
    first = builder.as_dataset(split="train[:1]")
    assert [int(record["id"]) for record in tfds.as_numpy(first)] == [1]


def test_only_books_that_are_missing_are_downloaded(server, tmp_path):
    for _ in range(2):
        gutenberg.prepare([1], data_dir=tmp_path, mirror=server.mirror())
    assert len(server.requests) == 1
    gutenberg.prepare([1, 2], data_dir=tmp_path, mirror=server.mirror())
    assert server.paths == ["/cache/epub/1/pg1.txt", "/cache/epub/2/pg2.txt"]


def test_catalogue_takes_precedence_over_the_header(server, tmp_path):
    folder = tmp_path / "downloads" / "gutenberg"
    folder.mkdir(parents=True)
    (folder / "pg_catalog.csv").write_text(CATALOGUE)
    (record,) = records(gutenberg.prepare([1], data_dir=tmp_path, mirror=server.mirror()))
    assert record["title"] == b"The Lamp"
    assert record["author"] == b"Quill, Ada, 1801-1850"
    assert (record["language"], record["release_date"]) == (b"en", b"1971-12-01")


def test_missing_book_is_a_users_error_and_leaves_no_dataset(server, tmp_path):
    with pytest.raises(UserError, match=r"book 6: http.*HTTP status 404"):
        gutenberg.prepare([1, 6], data_dir=tmp_path, mirror=server.mirror())
    server.answers["/cache/epub/6/pg6.txt"] = [good(served(6, "La porte"))]
    assert len(records(gutenberg.prepare([1, 6], data_dir=tmp_path, mirror=server.mirror()))) == 2


@pytest.mark.parametrize(("wrong", "said"), [("cookbook", "war_and_peace"), ("everything", "--beam_options=")])
def test_impossible_configuration_is_an_error(tmp_path, wrong, said):
    with pytest.raises(UserError, match=f"gutenberg/{wrong}.*{said}"):
        gutenberg.prepare(wrong, data_dir=tmp_path, mirror=gutenberg.Mirror())


def test_configurations():
    by_name = gutenberg.Gutenberg.builder_configs
    assert by_name["war_and_peace"].books == (2600,)
    assert by_name["shakespeare"].books == (100,)
    assert by_name["anna_karenina"].books == (1399,)
    assert by_name["frankenstein"].books == (84,)
    assert len(by_name["classics"].books) == 20


def test_each_list_of_books_has_its_own_name():
    def name(*books):
        return gutenberg.GutenbergConfig(books=books).name

    assert name(2600, 84) == "books_2600_84"
    assert name(84, 2600) != name(2600, 84)
    assert len(name(*range(1, 2000))) < 40
    assert name(*range(1, 2000)) != name(*range(2, 2001))
    with pytest.raises(UserError, match="not the number of a book"):
        name("../84")


def test_beam_makes_the_same_records_and_leaves_out_what_is_missing(server, tmp_path):
    options = pytest.importorskip("apache_beam.options.pipeline_options", reason="needs requirements/beam.txt")
    beam = gutenberg.prepare(
        [5, 2, 6, 1], data_dir=tmp_path, mirror=server.mirror(), beam_options=options.PipelineOptions()
    )
    plain = gutenberg.prepare([5, 2, 1], data_dir=tmp_path, mirror=server.mirror())
    assert records(beam) == records(plain)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("runner=A, project=b",), ["--runner=A", "--project=b"]),
        (('runner=A,"experiments=x,y"',), ["--runner=A", "--experiments=x,y"]),
        (("runner=A", "project=b"), ["--runner=A", "--project=b"]),
    ],
    ids=["blank", "quoted comma", "repeated flag"],
)
def test_beam_options_are_split_at_commas_outside_quotes(monkeypatch, words, options):
    fake = types.SimpleNamespace(PipelineOptions=list)
    monkeypatch.setitem(sys.modules, "apache_beam", types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "apache_beam.options", types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", fake)
    assert beam_options(words) == options


def run(*arguments):
    """Returns what the command did with `arguments`."""
    return command("pipelines.gutenberg.prepare", *arguments)


def test_command_prints_where_the_records_are(server, tmp_path):
    done = run("--books=2,1", f"--mirror={server.mirror().url}", "--pause_seconds=0", f"--data_dir={tmp_path}")
    assert (done.stdout, done.returncode) == (f"2 books in {tmp_path}/gutenberg/books_2_1/{cleaning.VERSION}.0.0\n", 0)


def test_command_writes_each_book_to_a_file_of_its_own(server, tmp_path):
    paths = [f"--mirror={server.mirror().url}", f"--data_dir={tmp_path}/data", f"--output={tmp_path}/books/quill"]
    done = run("--books=2,1", "--pause_seconds=0", *paths)
    assert done.stdout.splitlines()[1:] == [
        f"{tmp_path}/books/quill/2.txt L'échelle",
        f"{tmp_path}/books/quill/1.txt La lampe",
    ]
    assert (tmp_path / "books/quill/1.txt").read_text(encoding="utf-8") == text_of("La lampe")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--books=author:"], "--books=author:: author: needs a value after it"),
        (["--books=84", "--mirror=gutenberg"], "--mirror=gutenberg is not an http address"),
        (["--books=0"], "--books='0': not the number of a book"),
    ],
)
def test_command_reports_a_mistake_in_one_line(tmp_path, arguments, said):
    done = run(*arguments, f"--data_dir={tmp_path}")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.startswith(f"python -m pipelines.gutenberg.prepare: {said}")
    assert done.stderr.count("\n") == 1
