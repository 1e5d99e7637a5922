import html
import json
import re
import shutil

import pytest
from conftest import command

from char_lstm_tf import visualize
from char_lstm_tf.config import Config
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.inference.texts import documents_of_part
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError


def page_of(run, output, **options):
    visualize.main(visualize.VisualizeConfig(model=str(run), output=str(output), **options))
    return output.read_text(encoding="utf-8")


def facts_in(page):
    return json.loads(re.search(r'<script type="application/json" id="facts">(.*?)</script>', page)[1])


def test_the_command_writes_one_page_with_everything_inside(trained, tmp_path):
    done = command("char_lstm_tf.visualize", f"--model={trained}", f"--output={tmp_path}/page.html")
    assert not done.returncode, done.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    found = re.search(
        r"page.html: ([\d,]+) bytes\. .* costs ([\d.]+) nats .* float16, ([+-][\d.]+) against", done.stdout
    )
    assert int(found[1].replace(",", "")) == len(page.encode())
    assert abs(float(found[3])) < 0.002
    assert not re.search(r"""(src|href)=["'](?!data:)|@import|url\(|https?://(?!www\.w3\.org)""", page)
    assert "default-src 'none'" in page  # the browser itself refuses to load anything
    facts = facts_in(page)
    model = LanguageModel.load(trained)
    assert facts["tokens"] == list(model.vocabulary.tokens)
    assert [row["epoch"] for row in facts["history"]["epochs"]] == [1, 2]
    assert {sample["epoch"] for sample in facts["history"]["samples"]} == {1, 2}
    (held_out,) = documents_of_part(TrainedRun.open(trained).load_corpus(), "test")
    assert held_out.text.startswith(facts["text"])
    assert 0 < len(facts["text"]) <= visualize.OWN_TEXT
    assert facts["text"].endswith("\n")
    assert len(facts["map"]["ids"]) == len(facts["map"]["points"]) == len(model.vocabulary) - 1
    assert list(tmp_path.iterdir()) == [tmp_path / "page.html"]


def test_if_the_text_of_a_run_is_gone_the_page_reads_what_the_model_writes(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TrainedRun, "load_corpus", lambda run: fail_with(UserError("it isn't there any more")))
    assert len(facts_in(page_of(trained, tmp_path / "page.html"))["text"]) == visualize.OWN_TEXT
    assert "it isn't there any more; the page reads a text that the model writes" in capsys.readouterr().err


def fail_with(error):
    raise error


@pytest.mark.slow
def test_int8_makes_the_page_smaller_and_says_what_it_costs(trained, tmp_path, capsys):
    sizes = [len(page_of(trained, tmp_path / f"{form}.html", weights=form)) for form in ("float16", "int8")]
    assert sizes[1] < sizes[0] - 3000
    assert "with weights in int8, " in capsys.readouterr().out


def test_weights_that_cost_more_than_they_may_are_warned_of(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(visualize, "MOST_LOSS", -1.0)
    page_of(trained, tmp_path / "page.html")
    assert "warning: --weights=float16 costs more than" in capsys.readouterr().err


def test_a_text_of_ones_own_is_read_as_the_training_text_was_and_only_its_beginning(trained, tmp_path, capsys):
    (tmp_path / "long.txt").write_bytes(b"\xef\xbb\xbfe\xcc\x81 one\r\n" + b"more words\r\n" * 3000)
    facts = facts_in(page_of(trained, tmp_path / "page.html", text=f"{tmp_path}/long.txt", prompt=r"a\nb"))
    assert facts["text"].startswith("é one\nmore words\n")
    assert len(facts["text"]) == visualize.MOST_TEXT
    assert facts["prompt"] == "a\nb"
    assert "the page reads the first 20,000 of 33,006 characters" in capsys.readouterr().err


def test_texts_are_never_markup(trained, tmp_path):
    hostile = "</script><script>alert(1)</script><!-- <b>"
    run = tmp_path / "<b>&name"
    shutil.copytree(trained, run)
    (run / "samples.txt").write_text(f"\n━━ epoch 1: x\n── temperature 1.0\n{hostile}\n")
    (tmp_path / "x.txt").write_text(hostile)
    page = page_of(run, tmp_path / "page.html", text=f"{tmp_path}/x.txt")
    assert len(re.findall(r"</script", page)) == page.count("<script") == 4
    assert "alert" not in html.unescape(re.sub(r"(?s)<script.*?</script>", "", page))
    facts = facts_in(page)
    assert facts["text"] == facts["history"]["samples"][0]["text"] == hostile
    assert "<title>&lt;b&gt;&amp;name</title>" in page


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"architecture": "counts"}, "it is a table of counts"),
        (
            {"architecture": "ngram", "target": "next_char"},
            r"it predicts the character after .* \(--architecture=ngram\)",
        ),
        (
            {"bidirectional": True, "target": "next_char"},
            r"it sees a whole window .* \(--bidirectional\)",
        ),
        (
            {"target": "label", "labels": "file", "documents": "files", "text": ("x",)},
            r"it reads whole documents \(--target=label\)",
        ),
    ],
)
def test_other_models_are_refused_by_name(trained, tmp_path, monkeypatch, options, reason):
    monkeypatch.setattr(RunFolder, "config", Config(name="x", **options))
    with pytest.raises(UserError, match=f"--model=.*tiny: {reason}"):
        page_of(trained, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": ""}, "--output=.*: name the page to write"),
        ({"output": "/"}, "--output=/: is a folder"),
        ({"output": "/missing/page.html"}, "there is no folder /missing; make it first"),
        ({"output": "a.txt", "text": "./a.txt"}, "this is one of the texts; name another file"),
    ],
)
def test_a_place_that_cant_be_written_is_named_at_once(options, message):
    with pytest.raises(UserError, match=message):
        visualize.VisualizeConfig(model="x", **options)


@pytest.mark.parametrize("shown", [pytest.param(True, marks=pytest.mark.slow), False])
def test_open_shows_the_page_or_says_where_it_is(trained, tmp_path, monkeypatch, capsys, shown):
    asked = []
    monkeypatch.setattr("webbrowser.open", lambda address: asked.append(address) or shown)
    page_of(trained, tmp_path / "a page.html", open=True)
    assert asked == [f"file://{tmp_path}/a%20page.html"]
    assert ("no browser found here; open file://" in capsys.readouterr().err) == (not shown)
