import gzip

import numpy as np
import pytest

from pipelines import UserError
from pipelines.vocabulary import vectors


@pytest.mark.parametrize("header", ["", "3 2\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_with_or_without_its_first_line_packed_or_not(tmp_path, header, packed):
    data = f"{header}the 1 2\nking -0.5 1e-1\n中 3 4 \n".encode()
    (tmp_path / "v.txt").write_bytes(gzip.compress(data) if packed else data)
    found = vectors.read(tmp_path / "v.txt", {"king", "中", "absent"})
    assert {word: vector.tolist() for word, vector in found.vectors.items()} == {
        "king": [-0.5, np.float32(0.1)],
        "中": [3, 4],
    }
    assert (found.size, found.lines, found.duplicates, found.broken) == (2, 3, 0, 0)


def test_duplicate_and_broken_lines_are_counted_and_the_first_one_counts(tmp_path):
    lines = ["a 1 2", "a 3 4", "b 1", "c x y", "d nan 1", "", "e 5 6", "new york 7 8"]
    (tmp_path / "v.txt").write_bytes("\n".join(lines).encode() + b"\n\xff 1 2\n")
    found = vectors.read(tmp_path / "v.txt", {"a", "c", "d", "e", "new york"})
    assert {word: vector.tolist() for word, vector in found.vectors.items()} == {
        "a": [1, 2],
        "e": [5, 6],
        "new york": [7, 8],
    }
    assert (found.lines, found.duplicates, found.broken) == (9, 1, 5)  # b, c, d, the empty line and the one in Latin-1


@pytest.mark.parametrize("data", [b"", b"words\n", b"\x1f\x8bcut"])
def test_a_file_without_vectors_is_named(tmp_path, data):
    (tmp_path / "v.txt").write_bytes(data)
    with pytest.raises(UserError, match=r"--vectors=.*v\.txt"):
        vectors.read(tmp_path / "v.txt", {"a"})
    with pytest.raises(UserError, match="No such file"):
        vectors.read(tmp_path / "absent.txt", {"a"})


def test_what_is_written_is_read_again(tmp_path):
    tokens, values = ["\ufffd", " the", "the", "\n", " ", "é"], np.random.default_rng(1).normal(size=(6, 3))
    names = [vectors.written(token) for token in tokens]
    assert names == ["\ufffd", "␣the", "the", "\\n", "␣", "é"]
    vectors.write(tmp_path / "v.txt", names, values)
    found = vectors.read(tmp_path / "v.txt", names)
    assert (found.lines, found.size, found.broken) == (6, 3, 0)
    np.testing.assert_allclose([found.vectors[name] for name in names], values, rtol=1e-5)


def test_a_token_is_looked_up_as_it_is_written_then_without_its_blank_then_in_small_letters():
    assert vectors.names_of(" King") == ("␣King", "King", "king")
    assert vectors.names_of("king") == ("king",)
    assert vectors.names_of(" ") == ("␣", " ")


def test_the_nearest_are_those_in_the_same_direction():
    rows = np.array([[1, 0], [5, 0.1], [0, 3], [-1, 0], [1, 1]])
    assert [place for place, _ in vectors.nearest(rows, 0, count=9)] == [1, 4, 2, 3]
    assert vectors.nearest(rows, 0, count=1)[0][1] == pytest.approx(5 / np.hypot(5, 0.1))


def test_the_map_keeps_the_largest_differences():
    chance = np.random.default_rng(1)
    rows = chance.normal(size=(50, 4)) * [9, 0.1, 4, 0.1]
    flat = vectors.flattened(rows)
    for column, axis in ((0, 0), (1, 2)):
        assert abs(np.corrcoef(flat[:, column], rows[:, axis])[0, 1]) > 0.95
