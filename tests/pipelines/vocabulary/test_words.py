import json
import re

import numpy as np
import pytest
from conftest import FakeSource, verse
from hypothesis import given
from hypothesis import strategies as st

from pipelines import corpus
from pipelines.vocabulary import END, UNKNOWN, Vocabulary, words

TEXT = "The cat sat, and the cat's tail sat too.\n\tThe end - it sat.\n" * 3


def vocabulary(text=TEXT, count=100):
    characters = Vocabulary.fit(text)
    return characters.extended(words.frequent([text], characters=characters.characters, count=count))


def test_a_blank_belongs_to_the_word_after_it_and_anything_else_stands_alone():
    piece = words.pattern("Welmydarn'", blank=True)
    assert piece.findall("Well, my  dear") == ["Well", ",", " my", " ", " dear"]
    assert piece.findall("dear\n my\u00a0dear") == ["dear", "\n", " my", "\u00a0", "dear"]
    assert words.pattern("", blank=True).findall("my dear") == list("my dear")


def test_the_most_frequent_words_come_first_and_a_word_that_occurs_once_is_none():
    assert words.frequent(["b ab ab ab cd", "cd xy xy"], characters="abcdxy ", count=9) == [" ab", " xy"]
    assert words.frequent(["ab ab cd cd cd"], characters="abcd ", count=1) == [" cd"]
    assert words.frequent(["ab ab", "ab ab"], characters="b ", count=9) == []  # a is no letter, and b a character


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_pieces_dont_depend_on_the_parts_in_which_a_text_comes(size):
    piece = words.pattern(re.findall(r"\w", TEXT), blank=True)
    parts = [TEXT[start : start + size] for start in range(0, len(TEXT), size)]
    assert [found for pieces in words.cut(parts, piece) for found in pieces] == piece.findall(TEXT)


def test_a_frequent_word_is_a_token_and_a_rarer_one_is_spelled():
    known = vocabulary()
    assert {" cat", " sat", "The"} <= set(known.words)
    assert [known.tokens[id] for id in known.encode("The cat eats")] == ["The", " cat", " ", "e", "a", "t", "s"]


def test_case_and_blanks_make_other_words():
    known = vocabulary("the The  the The the")
    assert sorted(known.words) == [" The", " the"]
    assert known.decode(known.encode("The the")) == "The the"


@given(st.text(st.one_of(st.sampled_from("The cat saé\n\t中👩\u200d\u0301"), st.characters(exclude_categories=["Cs"]))))
def test_decoding_gives_the_text_but_for_unknown_characters(text):
    known = vocabulary(TEXT + " é́ 中中文 👩\u200d👧")
    expected = "".join(character if character in known.tokens else UNKNOWN for character in text)
    ids = known.encode(text)
    assert known.decode(ids) == expected
    assert known.lengths[ids].sum() == len(text)


def test_a_text_cant_contain_the_end_symbol():
    known = vocabulary().with_end()
    assert known.decode(known.encode(f"The{END} cat")) == f"The{UNKNOWN} cat"
    assert known.encode_whole("The")[[0, -1]].tolist() == [known.end, known.end]


def test_the_file_keeps_words_and_their_ids(tmp_path):
    known = vocabulary().with_end().extended("é")
    known.save(tmp_path / "v.json")
    loaded = Vocabulary.load(tmp_path / "v.json")
    assert loaded == known
    assert loaded.encode("The cat é").tolist() == known.encode("The cat é").tolist()
    assert json.loads((tmp_path / "v.json").read_text())["tokens"][-1] == "é"


def test_new_characters_get_ids_after_those_of_words():
    known = vocabulary()
    larger = known.extended("☃é")
    assert larger.tokens[: len(known)] == known.tokens
    assert larger.decode(larger.encode("The ☃é cat")) == "The ☃é cat"


def test_a_word_without_its_characters_is_no_vocabulary():
    with pytest.raises(ValueError, match="isn't in the vocabulary"):
        Vocabulary([UNKNOWN, "a", "ab"])


def prepare(tmp_path, texts, **options):
    return corpus.prepare([FakeSource(texts)], split=options.pop("split", (0.8, 0.1, 0.1)), folder=tmp_path, **options)


def test_a_corpus_of_words_decodes_to_its_text_and_counts_its_characters(tmp_path):
    text = verse(200)
    prepared = prepare(tmp_path, [text], max_words=20)
    decoded = [prepared.vocabulary.decode(prepared.split(part)[:]) for part in corpus.SPLITS]
    assert "".join(decoded) == text
    assert prepared.spelled == tuple(map(len, decoded))
    assert len(prepared.vocabulary.words) == 20
    assert prepared.chars_per_id == len(decoded[0]) / len(prepared.split("train"))
    assert corpus.Corpus.load(prepared.folder) == prepared
    assert prepare(tmp_path, [text], max_words=21).folder != prepared.folder


def test_words_are_those_of_the_training_part(tmp_path):
    prepared = prepare(tmp_path, ["ab " * 80 + "cd " * 20], max_words=9, split=(0.8, 0.1, 0.1))
    assert prepared.vocabulary.words == (" ab",)
    assert prepared.unknown[1:] == (20, 20)  # c and d occur only there


def test_documents_of_words_stand_between_ends(tmp_path):
    texts = [line for line in verse(300).splitlines() if line]
    prepared = prepare(tmp_path, texts, max_words=15, documents=True)
    found = [
        prepared.vocabulary.decode(ids)
        for part in corpus.SPLITS
        for packed in prepared.document_split(part).groups(size=99)
        for ids in packed.each()
    ]
    assert sorted(found) == sorted(texts)
    assert sum(prepared.spelled) == sum(map(len, texts)) + len(texts) + 3  # the ends, and one before each part


def test_new_words_follow_those_of_a_run_to_start_from_up_to_max_words(tmp_path):
    known = vocabulary()
    more = len(known.words) + 1
    texts = ["new words, new words, new ways: new words"]
    prepared = prepare(tmp_path, texts, max_words=more, known=known, split=(1, 0, 0))
    assert prepared.vocabulary.tokens[: len(known)] == known.tokens
    assert prepared.vocabulary.words[: len(known.words)] == known.words
    assert len(prepared.vocabulary.words) == more
    assert prepared.vocabulary.decode(prepared.split("train")[:]) == texts[0]


def test_words_of_a_run_to_start_from_stay_and_none_is_added_beyond_max_words(tmp_path):
    known = vocabulary()
    prepared = prepare(tmp_path, ["new words new words new words"], max_words=9, known=known, split=(1, 0, 0))
    assert prepared.vocabulary.words == known.words
    assert prepared.vocabulary.tokens[: len(known)] == known.tokens
    assert np.count_nonzero(prepared.split("train")[:] == 0) == 0
