import itertools

import numpy as np
import pytest
from conftest import FakeSource

from pipelines import UserError, corpus
from pipelines.corpus import splitting, spool
from pipelines.vocabulary import Vocabulary

NAMES = [f"name {number} of many" for number in range(400)]


def prepare(tmp_path, texts, split=(0.8, 0.1, 0.1), **options):
    return corpus.prepare([FakeSource(list(texts))], split=split, folder=tmp_path, documents=True, **options)


def documents(prepared, part):
    decode = prepared.vocabulary.decode
    return [decode(ids[1:-1]) for group in prepared.document_split(part).groups(size=50) for ids in group.each()]


def parts(prepared):
    return {part: documents(prepared, part) for part in corpus.SPLITS}


def test_every_document_stands_in_one_part_between_end_symbols(tmp_path):
    prepared = prepare(tmp_path, NAMES)
    found = parts(prepared)
    assert sorted(itertools.chain.from_iterable(found.values())) == sorted(NAMES)
    assert prepared.documents == tuple(len(found[part]) for part in corpus.SPLITS)
    for part in corpus.SPLITS:
        ids, end = prepared.split(part)[:], prepared.vocabulary.end
        assert ids[0] == ids[-1] == end
        assert np.array_equal(np.flatnonzero(ids == end), prepared.document_split(part).ends[:])


def test_shares_are_those_asked_for_up_to_chance(tmp_path):
    counts = prepare(tmp_path, NAMES).documents
    assert abs(counts[0] - 320) < 30
    assert abs(counts[1] - 40) < 25


def test_the_text_alone_decides_the_part(tmp_path):
    before = parts(prepare(tmp_path, NAMES))
    after = parts(prepare(tmp_path, ["another", *reversed(NAMES), "one more"]))
    for part in corpus.SPLITS:
        assert set(before[part]) == set(after[part]) - {"another", "one more"}


def test_equal_documents_fall_together_are_counted_and_dropped_if_asked(tmp_path):
    repeated = NAMES + NAMES[:50] + NAMES[:20]
    kept, dropped = prepare(tmp_path, repeated), prepare(tmp_path, repeated, deduplicate=True)
    assert kept.duplicates == dropped.duplicates == 70
    assert sum(kept.documents) == 470
    assert parts(dropped) == parts(prepare(tmp_path, NAMES))
    places = [set(texts) for texts in parts(kept).values()]
    assert sum(map(len, places)) == len(set().union(*places))


def test_empty_documents_are_left_out_and_counted(tmp_path):
    prepared = prepare(tmp_path, ["", "a", " \n\t", "b", "\u3000"], split=(1, 0, 0))
    assert documents(prepared, "train") == ["a", "b"]
    assert prepared.empty == 3


def test_the_code_point_of_the_end_symbol_in_a_text_is_an_unknown_character(tmp_path):
    prepared = prepare(tmp_path, ["a\uffffb", "ab"], split=(1, 0, 0))
    assert documents(prepared, "train") == ["a\ufffdb", "ab"]
    assert prepared.unknown == (1, 0, 0)
    assert prepared.vocabulary.characters.count("\uffff") == 1


@pytest.mark.parametrize("chunk", [1, 7, 100])
@pytest.mark.parametrize("deduplicate", [False, True])
def test_the_size_of_chunks_changes_nothing(tmp_path, monkeypatch, chunk, deduplicate):
    texts = [*NAMES[:60], "x" * 300, *NAMES[:30]]
    expected = parts(prepare(tmp_path / "whole", texts, deduplicate=deduplicate))
    monkeypatch.setattr(spool, "CHUNK", chunk)
    prepared = prepare(tmp_path / "pieces", texts, deduplicate=deduplicate)
    assert parts(prepared) == expected
    assert prepared.duplicates == 30


def test_a_group_of_packed_documents_is_of_the_size_asked_for_or_one_document(tmp_path):
    split = prepare(tmp_path, [*NAMES, "x" * 200], split=(1, 0, 0)).document_split("train")
    groups = list(split.groups(size=90))
    assert all(len(group.ids) <= 91 or len(group.each()) == 1 for group in groups)
    assert max(len(group.each()) for group in groups) > 2
    assert sum(len(group.each()) for group in groups) == len(split) == 401


def test_a_vocabulary_gets_an_end_symbol_after_its_own_ids(tmp_path):
    known = Vocabulary.fit("abc")
    prepared = prepare(tmp_path, ["abcd"], split=(1, 0, 0), known=known)
    assert prepared.vocabulary.characters == known.characters + "\uffffd"
    assert prepared.vocabulary.end == 4


def test_the_end_symbol_counts_among_the_ids_of_a_limited_vocabulary(tmp_path):
    known = Vocabulary.fit("abc")
    assert len(prepare(tmp_path, ["abcd"], known=known, split=(1, 0, 0), max_vocabulary=5).vocabulary) == 5
    with pytest.raises(UserError, match=r"--max_vocabulary=4: fewer than the 5 ids of --init_from"):
        prepare(tmp_path, ["abcd"], known=known, split=(1, 0, 0), max_vocabulary=4)


def test_the_only_text_is_for_training_wherever_its_hash_puts_it(tmp_path):
    text = next(text for text in NAMES if splitting.part_of(splitting.text_hash(text), (0.5, 0.25, 0.25)) == 2)
    prepared = prepare(tmp_path, [text] * 3, split=(0.5, 0.25, 0.25))
    assert prepared.documents == (3, 0, 0)
    assert prepared.moved == {"": 3}


def test_nothing_but_empty_documents_is_an_error_that_counts_them(tmp_path):
    with pytest.raises(UserError, match="no text in fake, 2 empty documents"):
        prepare(tmp_path, ["", " "])


def test_a_hash_beyond_shares_that_add_up_to_less_than_1_goes_to_the_last_part_with_one():
    assert splitting.part_of(2**64 - 1, (0.9, 0.0999999, 0)) == 1


def test_documents_with_damaged_ends_are_encoded_again(tmp_path, capsys):
    ends = prepare(tmp_path, NAMES).folder / "ends.bin"
    ends.write_bytes(ends.read_bytes()[:-8])
    assert sum(prepare(tmp_path, NAMES).documents) == 400
    assert "damaged" in capsys.readouterr().err


def test_a_vocabulary_with_an_end_symbol_keeps_it_on_disk_and_frames_texts(tmp_path):
    vocabulary = Vocabulary.fit("").with_end().extended("ab")
    vocabulary.save(tmp_path / "v.json")
    loaded = Vocabulary.load(tmp_path / "v.json")
    assert loaded == vocabulary
    assert loaded.encode_whole("ba").tolist() == [1, 3, 2, 1]
    assert loaded.encode_prompt("").tolist() == [1]
    assert loaded.encode("a\uffffb").tolist() == [2, 0, 3]  # no text can contain the end symbol
    assert loaded.decode(loaded.encode_whole("ab")) == "ab"
    assert loaded.tokens == ("\ufffd", "", "a", "b")


def test_a_running_text_may_have_the_code_point_of_the_end_symbol_as_a_character(tmp_path):
    vocabulary = Vocabulary.fit("a\uffff\n")
    vocabulary.save(tmp_path / "v.json")
    loaded = Vocabulary.load(tmp_path / "v.json")
    assert loaded.end is None
    assert loaded.decode(loaded.encode_whole("a\uffff")) == "a\uffff"
    assert loaded.encode_prompt("").tolist() == loaded.encode("\n").tolist()
    with pytest.raises(UserError, match="U\\+FFFF"):
        loaded.with_end()
