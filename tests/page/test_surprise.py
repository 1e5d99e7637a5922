import html
import math
import re

import numpy as np

from char_lstm_tf.page.surprise import BITS, STYLE, ScoredText, write_html, write_tsv

NATS = np.float32(np.array([0.5, 1.5, 0, 3, 20, 20]) * math.log(2))  # by bits
SCORED = ScoredText("a<b.txt", '\n<&"\t\nx', '<&"\t\nx', NATS)


def test_a_line_a_scored_character(tmp_path):
    write_tsv(tmp_path / "x.tsv", [ScoredText("f.txt", "t\t\n", "\t\n", np.float32([2.5, 0.125]))])
    assert (tmp_path / "x.tsv").read_text().splitlines() == [
        "file\tposition\tcharacter\tnats",
        'f.txt\t1\t"\\t"\t2.500000',
        'f.txt\t2\t"\\n"\t0.125000',
    ]


def test_the_page_has_the_text_and_a_colour_for_each_character(tmp_path):
    write_html(tmp_path / "x.html", [SCORED])
    page = (tmp_path / "x.html").read_text()
    text = page.split('<pre class="text">')[1].split("</pre>")[0]
    assert html.unescape(re.sub("<[^>]*>", "", text)).replace("↵", "") == "\n" + SCORED.text
    levels = re.findall(r'class="c(\d)">([^<]*)<', text)
    assert levels == [("0", "&lt;"), ("1", "&amp;"), ("0", "&quot;"), ("2", "\t"), ("6", "↵\nx")]
    assert "a&lt;b.txt: 7.500 bits per character" in page


def luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]  # WCAG 2.1, "relative luminance"


def test_text_is_readable_on_every_colour_by_day_and_by_night():
    light, dark = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    for scheme in (light, dark):
        colours = dict(re.findall(r"--([\w-]+): (#\w+)", scheme))
        colours = {
            name: code if len(code) == 7 else "#" + "".join(2 * c for c in code[1:]) for name, code in colours.items()
        }
        text = luminance(colours["text"])
        names = [name for name in colours if re.fullmatch(r"c\d", name)]
        assert len(names) == len(BITS)
        for name in [*names, "minus", "plus", "ground", "card"]:
            brighter, darker = sorted([text, luminance(colours[name])], reverse=True)
            assert (brighter + 0.05) / (darker + 0.05) >= 7, name


def test_a_word_has_one_colour_and_counts_all_its_characters(tmp_path):
    words = ScoredText("w", "The cats<x>", [" cat", "s", "<x>"], np.float32([0, 1, 7]) * math.log(2))
    write_tsv(tmp_path / "w.tsv", [words])
    lines = (tmp_path / "w.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[1:3] for line in lines] == [["3", '" cat"'], ["7", '"s"'], ["8", '"<x>"']]
    write_html(tmp_path / "w.html", [words])
    page = (tmp_path / "w.html").read_text()
    assert "w: 1.000 bits per character" in page
    assert '<pre class="text">The<i class="c0"> cat</i><i class="c1">s</i>' in page
