import json

import numpy as np
import pytest

from pipelines import UserError
from pipelines.vocabulary import UNKNOWN, Vocabulary


def test_ids_follow_the_order_of_the_characters_after_the_unknown_one():
    vocabulary = Vocabulary.fit("hello")
    assert vocabulary.characters == UNKNOWN + "ehlo"
    assert vocabulary.encode("hello").tolist() == [2, 1, 3, 3, 4]


def test_a_character_never_seen_has_id_0_and_reads_as_the_replacement_character():
    vocabulary = Vocabulary.fit("abc")
    assert vocabulary.encode("a中c𝄞").tolist() == [1, 0, 3, 0]
    assert vocabulary.decode(vocabulary.encode("a中c")) == f"a{UNKNOWN}c"


def test_the_replacement_character_in_a_text_is_the_unknown_one():
    assert Vocabulary.fit(f"a{UNKNOWN}").characters == UNKNOWN + "a"


def test_every_plane_of_unicode_survives_encoding_and_the_file(tmp_path):
    text = '\n\t a"\\é中𝄞\U0010ffff\u2028'
    vocabulary = Vocabulary.fit(text)
    vocabulary.save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    assert loaded == vocabulary
    assert loaded.decode(loaded.encode(text)) == text


def test_the_file_lists_characters_in_the_order_of_their_ids(tmp_path):
    Vocabulary.fit("b\na").save(tmp_path / "vocabulary.json")
    assert json.loads((tmp_path / "vocabulary.json").read_text()) == {"characters": [UNKNOWN, "\n", "a", "b"]}


@pytest.mark.parametrize(("size", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_ids_take_a_byte_each_up_to_256_characters(size, dtype):
    vocabulary = Vocabulary(UNKNOWN + "".join(map(chr, range(32, 31 + size))))
    assert len(vocabulary) == size
    assert vocabulary.encode(vocabulary.characters).dtype == dtype
    assert vocabulary.encode(vocabulary.characters).tolist() == list(range(size))


@pytest.mark.parametrize("content", ["", "{}", '{"characters": ["a"]}', '{"characters": ["\\ufffd", "a", "a"]}'])
def test_a_file_that_is_no_vocabulary_is_named(tmp_path, content):
    path = tmp_path / "vocabulary.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"vocabulary\.json: not a vocabulary"):
        Vocabulary.load(path)
