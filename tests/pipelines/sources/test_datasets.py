import http.server
import json
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import TINY, command, verse

from pipelines import UserError
from pipelines.sources import datasets, joined


def book(number: int) -> str:
    """Returns a file as Project Gutenberg serves it."""
    title = f"VERSE {number}"
    return (
        f"The Project Gutenberg eBook of Verse {number}\r\n\r\nTitle: Verse {number}\r\nAuthor: Nobody\r\n"
        f"Language: English\r\n\r\n*** START OF THE PROJECT GUTENBERG EBOOK {title} ***\r\n\r\n"
        + verse(800, seed=number).replace("\n", "\r\n")
        + f"\r\n*** END OF THE PROJECT GUTENBERG EBOOK {title} ***\r\nThe licence.\r\n"
    )


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """A mirror on loopback with a book in each of the two layouts; `asked` lists the paths of its requests."""
    root = tmp_path_factory.mktemp("mirror")
    asked: list[str] = []
    for number, path in ((84, "cache/epub/84/pg84.txt"), (1399, "1/3/9/1399/1399-0.txt")):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_bytes(book(number).encode())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(root))

        def log_message(self, *args):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.asked = asked
        server.address = f"http://127.0.0.1:{server.server_address[1]}/"
        yield server
        server.shutdown()


@pytest.mark.slow
def test_books_are_trained_on_by_number_and_a_second_run_downloads_nothing(mirror, tmp_path):
    def train(name, *words):
        done = command(
            "char_lstm_tf.train", "--books=1399,84", f"--mirror={mirror.address}", f"--data_dir={tmp_path}/data",
            f"--output_dir={tmp_path}", f"--name={name}", "--max_steps=3", *TINY, "--sample_chars=0", *words,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    train("first")
    requests = len(mirror.asked)
    assert any("1399-0.txt" in path for path in mirror.asked)
    train("second")
    assert len(mirror.asked) == requests
    (corpus,) = (tmp_path / "data" / "corpora").iterdir()
    facts = json.loads((corpus / "corpus.json").read_text())
    assert facts["characters"] == len(verse(800, 1399)) + len(verse(800, 84))
    characters = json.loads((corpus / "vocabulary.json").read_text())["characters"]
    assert set(characters[1:]) == set(verse(800, 1399) + verse(800, 84))
    mirrored = [path.name for path in (tmp_path / "data").rglob("*.array_record*")]
    assert len(mirrored) >= 1


class OwnText(tfds.core.GeneratorBasedBuilder):
    """A dataset of two splits that TFDS knows by the name own_text."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"content": tfds.features.Text(), "number": np.int64})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples("ab"), "test": self._generate_examples("c")}

    def _generate_examples(self, letters):
        for number, letter in enumerate(letters):
            yield number, {"content": f"text {letter}\r\n", "number": number}


def own(tmp_path: Path, text_key: str = "content") -> datasets.PreparedDataset:
    return datasets.dataset("own_text", text_key=text_key, data_dir=tmp_path, mirror="http://127.0.0.1/")


def test_any_text_dataset_of_tfds_gives_its_records_in_order(tmp_path):
    assert "".join(joined(own(tmp_path).documents())) == "text a\ntext b\ntext c\n"


def test_a_fingerprint_is_stable_and_differs_for_another_key(tmp_path):
    first = own(tmp_path)
    assert own(tmp_path).fingerprint() == first.fingerprint()
    assert own(tmp_path, "number").fingerprint() != first.fingerprint()


@pytest.mark.parametrize("key", ["text", "number"])
def test_a_key_without_text_is_an_error_that_names_the_features(tmp_path, key):
    with pytest.raises(UserError, match=f"--tfds_text_key={key}: no text in own_text.*content, number"):
        list(own(tmp_path, key).documents())


def test_a_dataset_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UserError, match="--tfds=nonesuch: TFDS knows no such dataset"):
        datasets.dataset("nonesuch", text_key="text", data_dir=tmp_path, mirror="http://127.0.0.1/")
