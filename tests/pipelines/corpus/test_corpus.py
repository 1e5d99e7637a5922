import json

import numpy as np
import pytest
from conftest import FakeSource

from pipelines import UserError, corpus
from pipelines.corpus import spool
from pipelines.sources import Document


def prepare(tmp_path, *texts, split=(0.8, 0.1, 0.1), **options):
    return corpus.prepare([FakeSource(list(texts))], split=split, folder=tmp_path, **options)


def text_of(prepared, split):
    return prepared.vocabulary.decode(prepared.split(split)[:])


def test_splits_are_contiguous_and_together_the_whole_text(tmp_path):
    text = "abcdefghij" * 10
    prepared = prepare(tmp_path, text)
    assert [text_of(prepared, name) for name in corpus.SPLITS] == [text[:80], text[80:90], text[90:]]


def test_shares_that_add_up_to_a_little_more_than_the_text_end_with_it(tmp_path):
    prepared = prepare(tmp_path, "ab" * 600_000, split=(0.5000005, 0.5000004, 0.0))
    assert [len(prepared.split(name)) for name in corpus.SPLITS] == [600_001, 599_999, 0]


def test_held_out_parts_are_those_that_can_be_scored(tmp_path):
    text = "abcdefghij" * 10
    held_out = prepare(tmp_path, text).held_out()
    assert {name: len(ids) for name, ids in held_out.items()} == {"validation": 10, "test": 10}
    assert list(prepare(tmp_path, text, split=(0.9, 0, 0.1)).held_out()) == ["test"]
    with pytest.raises(UserError, match=r"--split: the validation split has 1 character.*more or 0"):
        prepare(tmp_path, text, split=(0.8, 0.01, 0.19)).held_out()


def test_the_vocabulary_comes_from_the_training_split_only(tmp_path):
    prepared = prepare(tmp_path, "ab" * 40 + "abcdefghij" * 2)
    assert prepared.vocabulary.characters == "\ufffdab"
    assert text_of(prepared, "test") == "ab" + "\ufffd" * 8


def test_a_slice_of_a_split_reads_only_these_ids(tmp_path):
    ids = prepare(tmp_path, "abcdefghij" * 10).split("validation")
    assert ids[2:5].tolist() == [3, 4, 5]
    assert ids[8:99].tolist() == [9, 10]
    assert ids[99:].tolist() == []


def test_a_limited_vocabulary_keeps_the_most_frequent_characters_of_training(tmp_path):
    prepared = prepare(tmp_path, "aaabbcccc" + "d" * 9, split=(0.5, 0.5, 0), max_vocabulary=3)
    assert prepared.vocabulary.characters == "\ufffdac"
    assert text_of(prepared, "train") == "aaa\ufffd\ufffdcccc"
    assert prepare(tmp_path, "abc", max_vocabulary=99).vocabulary.characters == "\ufffdab"


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_the_size_of_chunks_changes_nothing(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(spool, "CHUNK", chunk)
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 300))) + "zyx" * 50
    prepared = prepare(tmp_path, text, split=(1, 0, 0))
    assert prepared.vocabulary.characters == "\ufffd" + "".join(sorted(set(text)))
    assert prepared.split("train")[:].dtype == np.uint16
    assert text_of(prepared, "train") == text
    assert len(prepared.split("test")) == 0


def test_a_text_is_encoded_once_for_all_runs(tmp_path):
    source = FakeSource(["hello"])
    first = corpus.prepare([source], split=(1, 0, 0), folder=tmp_path)
    again = corpus.prepare([source], split=(1, 0, 0), folder=tmp_path)
    assert again == first
    assert source.read == 1


def damage(folder, how):
    ids = folder / "ids.bin"
    match how:
        case "ids cut":
            ids.write_bytes(ids.read_bytes()[:-2])
        case "a bit flipped":
            ids.write_bytes(bytes([ids.read_bytes()[0] ^ 1]) + ids.read_bytes()[1:])
        case "empty corpus.json":
            (folder / "corpus.json").write_text("")
        case name:
            (folder / name).unlink()


@pytest.mark.parametrize(
    "how", ["ids cut", "a bit flipped", "empty corpus.json", "corpus.json", "ids.bin", "vocabulary.json"]
)
def test_a_damaged_corpus_is_encoded_again_and_said_so(tmp_path, capsys, how):
    source = FakeSource(["hello world"])
    first = corpus.prepare([source], split=(1, 0, 0), folder=tmp_path)
    damage(first.folder, how)
    again = corpus.prepare([source], split=(1, 0, 0), folder=tmp_path)
    assert text_of(again, "train") == "hello world"
    assert source.read == 2
    assert "damaged" in capsys.readouterr().err


def test_a_corpus_of_before_there_were_sums_is_used(tmp_path):
    source = FakeSource(["hello"])
    first = corpus.prepare([source], split=(1, 0, 0), folder=tmp_path)
    facts = json.loads((first.folder / "corpus.json").read_text())
    del facts["crc32"]
    (first.folder / "corpus.json").write_text(json.dumps(facts))
    assert corpus.prepare([source], split=(1, 0, 0), folder=tmp_path) == first
    assert source.read == 1


def test_ids_that_go_missing_while_they_are_read_are_an_error(tmp_path):
    ids = prepare(tmp_path, "hello world", split=(1, 0, 0)).split("train")
    damage(ids.path.parent, "ids cut")
    with pytest.raises(OSError, match="shorter than when the run started"):
        ids[5:]
    with pytest.raises(OSError, match="shorter than when the run started"):
        ids.windows(np.array([0, 7]), length=4)


def test_another_split_or_text_is_another_corpus(tmp_path):
    folders = {
        prepare(tmp_path, "hello").folder,
        prepare(tmp_path, "hello", split=(1, 0, 0)).folder,
        prepare(tmp_path, "hallo").folder,
    }
    assert len(folders) == 3


def test_of_two_runs_at_once_the_slower_uses_what_the_faster_wrote(tmp_path):
    class Slow(FakeSource):
        def documents(self):
            yield Document("hello")
            if not self.read:  # while this one is at work, another run prepares the same
                self.read = 1
                corpus.prepare([self], split=(1, 0, 0), folder=tmp_path)

    prepared = corpus.prepare([Slow([])], split=(1, 0, 0), folder=tmp_path)
    assert text_of(prepared, "train") == "hello"
    assert list(tmp_path.iterdir()) == [prepared.folder]


def test_a_failure_leaves_nothing_behind(tmp_path):
    class Broken(FakeSource):
        def documents(self):
            yield Document("hello")
            raise UserError("broken")

    with pytest.raises(UserError, match="broken"):
        corpus.prepare([Broken([])], split=(1, 0, 0), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_text_at_all_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no text in fake"):
        prepare(tmp_path, "")


def test_a_data_dir_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--data_dir: Not a directory"):
        prepare(tmp_path / "file" / "below", "hello")


def test_a_corpus_says_what_its_sources_are_and_how_much_its_vocabulary_lacks(tmp_path):
    prepared = prepare(tmp_path, "aaab" + "bbcd", split=(0.5, 0.25, 0.25))
    assert prepared.sources == ('fake: 8 characters, "aaabbbcd"',)
    assert prepared.unknown == (0, 0, 2)
    assert prepare(tmp_path, "aaab" + "bbcd", split=(0.5, 0.25, 0.25)) == prepared
