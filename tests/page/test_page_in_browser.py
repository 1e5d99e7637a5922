"""The page in a real Chromium, which Debian's packages chromium and chromium-driver have. Skipped without them."""

import base64
import json
import re
from importlib import resources, util

import browser
import numpy as np
import pytest
import tensorflow as tf
from conftest import verse

from char_lstm_tf import visualize
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.models.build import load
from char_lstm_tf.page import packing, page
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.training.train import train

LACKING = [*browser.MISSING, *(name for name in ("selenium", "axe_core_python") if util.find_spec(name) is None)]
pytestmark = [
    pytest.mark.serving,
    pytest.mark.skipif(bool(LACKING), reason=f"not installed: {', '.join(LACKING)}"),
    # Selenium's connection to the driver is closed when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
VIEWS = ["write", "read", "cells", "map", "history"]
HOSTILE = "</script><script>document.title = 'caught'</script><img src=x onerror=alert(1)>"


def written_page(run, path, **options):
    visualize.main(visualize.VisualizeConfig(model=str(run), output=str(path), **options))
    return path.as_uri()


def rounded(run):
    """Returns the model of a run with weights as the page has them."""
    opened = TrainedRun.open(run)
    model, vocabulary = load(opened), opened.vocabulary
    packed = packing.pack(model, form="float16")
    return LanguageModel(model, vocabulary, opened.config.prompt_reader), model, packed


@pytest.fixture(scope="module")
def address(trained, tmp_path_factory):
    return written_page(trained, tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(scope="module")
def driver(address):
    with browser.opened(address) as driver:
        yield driver


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory):
    """A model of documents with labels and words, all of whose names look like markup."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        f"{HOSTILE if number % 2 else 'plain'}\t{line} <b>&amp;\n"
        for number, line in enumerate(verse(300).splitlines())
    ]
    (folder / "rows.tsv").write_text("".join(rows))
    text = {
        "text": (f"{folder}/rows.tsv",),
        "documents": "rows",
        "text_field": "2",
        "labels": "field",
        "label_field": "1",
    }
    sizes = {
        "units": (12,),
        "batch_size": 4,
        "window": 16,
        "epochs": 1,
        "tokens": "words",
        "max_words": 20,
        "quiet": True,
    }
    plan = plan_run(name="hostile", output_dir=str(folder), data_dir=str(folder), **text, **sizes)
    train(plan)
    return plan.folder.path


def fill(driver, **values):
    for name, value in values.items():
        field = driver.find_element("id", name.replace("_", "-"))
        driver.execute_script("arguments[0].value = arguments[1]", field, value)


def text_of(driver, part):
    return driver.execute_script("return document.getElementById(arguments[0]).textContent", part)


def press(driver, form, part):
    """Presses the main button of a form, and waits until the work is done."""
    driver.execute_script("document.getElementById(arguments[0]).dataset.done = false", part)
    driver.find_element("css selector", f"#{form} button.main").click()
    browser.wait_for(driver, f"return document.getElementById('{part}').dataset.done === 'true'")


def show(driver, view):
    driver.find_element("id", f"tab-{view}").click()


def test_logits_of_500_characters_are_those_of_tensorflow(driver, trained):
    _, as_stored, packed = rounded(trained)
    opened = TrainedRun.open(trained)
    model, vocabulary = load(opened), opened.vocabulary
    ids = vocabulary.encode(verse(20)[:500]).tolist()
    scripts = "\n".join((page.WEB / name).read_text(encoding="utf-8") for name in page.WORKER[:-1])
    facts = packed.facts | {"tokens": vocabulary.tokens, "labels": [], "end": None}
    run = (
        "const [facts, weights, ids] = arguments;"
        "const model = new Model(facts, Uint8Array.from(atob(weights), (character) => character.charCodeAt(0)));"
        "const state = model.fresh(); return ids.map((id) => Array.from(model.step(id, state)));"
    )
    found = driver.execute_script(scripts + run, facts, base64.b64encode(packed.data).decode(), ids)
    for weights, tolerance in ((as_stored, 1e-4), (model, 2e-3)):  # the second one's are float32
        states = weights.start(1)
        for row, id in zip(found, ids, strict=True):
            logits, states = weights.step()(tf.constant([id]), states)
            np.testing.assert_allclose(row, logits.numpy()[0], atol=tolerance)
    assert len(found) == 500


def test_a_greedy_text_and_one_of_a_seed_are_those_of_python(driver, trained):
    model, _, _ = rounded(trained)
    show(driver, "write")
    for options in (
        {"temperature": 0.0, "seed": 1},
        {"temperature": 1.0, "seed": 7},
        {"temperature": 0.9, "seed": -3, "top_k": 5, "top_p": 0.9},
    ):
        fill(driver, prompt="The old", characters=300, **{"top_k": 0, "top_p": 1} | options)
        press(driver, "write-form", "written")
        assert text_of(driver, "written") == "The old" + model.generate(["The old"], chars=300, **options)[0]


def test_a_text_is_read_as_python_reads_it(driver, trained):
    model, _, _ = rounded(trained)
    text = "The old river runs\nbelow a § hill."
    show(driver, "read")
    fill(driver, given=text)
    press(driver, "read-form", "shown")
    (score,) = model.score([text])
    status = text_of(driver, "read-status")
    assert f"{score.characters} characters scored" in status
    assert f"{score.nats_per_char:.4f} nats per character" in status
    assert "1 of them unknown to the model: §" in status
    assert driver.find_element("css selector", "#shown .unknown").text == "§"
    assert text_of(driver, "shown").replace("↵", "") == text
    ((_, losses),) = model.losses([text])
    driver.find_element("css selector", "#shown").send_keys(*["\ue014"] * 4)  # the right arrow, to the third place
    picked = driver.find_element("css selector", "#shown .chosen")
    assert picked.get_attribute("data-at") == "3"
    assert f": {losses[2]:.3f} nats" in text_of(driver, "detail")
    driver.find_element("id", "likeliest").click()
    named = [name for name, _ in model.next_char(["The "], k=2)[0]]
    column = driver.find_elements("css selector", '#shown [data-at="3"] small b')
    assert [part.get_attribute("textContent") for part in column][:2] == named
    driver.find_element("id", "likeliest").click()


def test_cells_have_colours_and_names(driver, trained):
    show(driver, "read")
    fill(driver, given=verse(30))
    press(driver, "read-form", "shown")
    show(driver, "cells")
    chips = driver.find_elements("css selector", "#traits button")
    assert [re.sub(r" [+−]\d\.\d\d$", "", chip.text) for chip in chips] == [
        "position in the line",
        "line ends",
        "word starts",
        "capital letters",
    ]
    chips[1].click()
    assert chips[1].get_attribute("aria-pressed") == "true"
    colours = driver.execute_script(
        "return Array.from(document.querySelectorAll('#shown i'), (part) => part.className)"
    )
    assert {colour[:1] for colour in colours} & {"m", "p"}
    fill(driver, cell=99)
    driver.execute_script("document.getElementById('cell').dispatchEvent(new Event('change'))")
    assert driver.find_element("id", "cell").get_attribute("value") == "15"


def test_the_map_and_the_history_answer_clicks(driver):
    show(driver, "map")
    token = driver.find_elements("css selector", "#map-picture .token")[5]
    driver.execute_script("arguments[0].dispatchEvent(new Event('click'))", token)
    assert text_of(driver, "nearest-title") == f"Nearest to {token.get_attribute('textContent')}"
    assert len(driver.find_elements("css selector", "#nearest li")) == 10
    show(driver, "history")
    last = text_of(driver, "samples")
    driver.find_element("id", "epoch").send_keys("\ue012")  # the left arrow
    assert text_of(driver, "epoch-shown").startswith("1: loss ")
    assert text_of(driver, "samples") not in ("", last)


def test_arrow_keys_go_from_tab_to_tab(driver):
    show(driver, "write")
    driver.find_element("id", "tab-write").send_keys("\ue014")
    assert driver.switch_to.active_element.get_attribute("id") == "tab-read"
    assert driver.find_element("id", "panel-read").is_displayed()
    assert not driver.find_element("id", "panel-write").is_displayed()
    driver.switch_to.active_element.send_keys("\ue012", "\ue012")
    assert driver.switch_to.active_element.get_attribute("id") == "tab-history"


def test_writing_can_be_stopped(driver):
    show(driver, "write")
    fill(driver, characters=1_000_000, temperature=1, top_k=0, top_p=1)
    driver.find_element("css selector", "#write-form button.main").click()
    browser.wait_for(driver, "return document.getElementById('written').textContent.length > 1000")
    driver.find_element("id", "stop").click()
    length = len(text_of(driver, "written"))
    fill(driver, characters=20)
    show(driver, "map")
    assert len(text_of(driver, "written")) == length < 1_000_000
    assert text_of(driver, "write-status").endswith("stopped")


def test_nothing_leaves_the_page_and_nothing_goes_wrong(driver, address):
    log = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = {entry["params"]["request"]["url"] for entry in log if entry["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith(("blob:", "data:"))} == {address}
    assert driver.get_log("browser") == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1100])
def test_it_fits_the_screen_and_everybody_can_use_it(address, dark, width):
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    with browser.opened(address, width=width, dark=dark) as driver:
        driver.execute_script(axe)
        for view in VIEWS:
            show(driver, view)
            if view == "read":
                driver.find_element("id", "likeliest").click()
            assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"), view
            found = driver.execute_async_script("axe.run().then(arguments[0])")
            assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == [], view
            assert len(found["passes"]) > 10


def test_names_and_texts_that_look_like_markup_are_shown_as_they_are(hostile_run, tmp_path):
    (tmp_path / "x.txt").write_text(HOSTILE)
    address = written_page(hostile_run, tmp_path / "page.html", text=f"{tmp_path}/x.txt", prompt=HOSTILE)
    model, _, _ = rounded(hostile_run)
    with browser.opened(address) as driver:
        assert driver.title == "hostile"
        assert text_of(driver, "written").startswith(HOSTILE)
        labels = [
            option.get_attribute("textContent")
            for option in driver.find_elements("css selector", "#write-label option")
        ]
        assert labels == list(model.vocabulary.labels) == [HOSTILE, "plain"]
        for number, label in enumerate(labels):
            fill(driver, write_label=number, prompt="The", temperature=1, seed=5, characters=200)
            press(driver, "write-form", "written")
            (expected,) = model.generate(["The"], chars=200, temperature=1.0, seed=5, label=label)
            assert text_of(driver, "written") == "The" + expected
            show(driver, "read")
            fill(driver, read_label=number, given="The old river runs")
            press(driver, "read-form", "shown")
            (score,) = model.score(["The old river runs"], label=label)
            assert f"{score.nats_per_char:.4f} nats per character" in text_of(driver, "read-status")
            show(driver, "write")
        for view in VIEWS:
            show(driver, view)
        fill(driver, write_label=1, prompt="The", temperature=1, seed=5, characters=30, texts=3)
        show(driver, "write")
        press(driver, "write-form", "written")
        rows = model.generate(["The"] * 3, chars=30, temperature=1.0, seed=5, label="plain")
        assert text_of(driver, "written") == "\n".join(f"The{row}" for row in rows)
        assert driver.execute_script("return document.images.length") == 0
        assert driver.title == "hostile"
        assert driver.get_log("browser") == []
