"""What a run says of its text before it trains."""

import pytest
from conftest import verse

from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.text import expectation, prepare_text


@pytest.mark.parametrize(
    ("lines", "flags", "expected"),
    [
        (100, {}, "characters are few for a network: expect noise. On 3,000 of War and Peace, "),
        (1000, {}, "expect invented words. On 30,000 of War and Peace, --flagfile=quickstart reached 2.06 nats"),
        (100, {"architecture": "counts"}, ""),
        (100, {"documents": "lines"}, ""),
    ],
)
def test_a_network_with_little_text_says_what_to_expect(tmp_path, lines, flags, expected):
    (tmp_path / "verse.txt").write_text(verse(lines))
    where = {"name": "x", "output_dir": str(tmp_path), "data_dir": str(tmp_path)}
    plan = plan_run(text=(f"{tmp_path}/verse.txt",), **where, **flags)
    said = expectation(prepare_text(plan), plan.config)
    assert expected in said
    assert bool(said) == bool(expected)
