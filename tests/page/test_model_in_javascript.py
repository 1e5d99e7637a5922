"""The scripts of the page compute what Python computes. Node runs them."""

import base64
import json
import shutil
import subprocess

import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.inference.writing.drawing import Draws, chooser, uniform_noise, without_unknown
from char_lstm_tf.models import networks
from char_lstm_tf.models.build import build
from char_lstm_tf.page import packing, page
from pipelines.sources import Reader
from pipelines.sources.typography import ASCII
from pipelines.vocabulary import Vocabulary

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node, which runs JavaScript, isn't installed")

CHARACTERS = Vocabulary.fit("\n ,.'thecat\"né𝄞 ")
WORDS = CHARACTERS.extended([" the", "the", " cat", "né", " 𝄞𝄞"])
LABELLED = WORDS.with_end().with_labels(["p", "q", "r"])
TEXTS = ["the cat", "", "a", '  "the thecat",\nnéne\u0301 x1 y 𝄞𝄞 \u00a0the\r\n', "catcat cat"]


def javascript(code, scripts=page.WORKER[:-1]):
    """Returns what an expression of JavaScript is, after the scripts of the page."""
    sources = "\n".join((page.WEB / name).read_text(encoding="utf-8") for name in scripts)
    program = f"{sources}\nconsole.log(JSON.stringify((() => {{ {code} }})()));"
    done = subprocess.run([NODE, "-"], input=program, capture_output=True, text=True, check=False, timeout=60)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def random_model(vocabulary, **options):
    keras.utils.set_random_seed(1)
    embedding = options.get("encoding", "one_hot") == "embedding" or bool(vocabulary.words)
    sizes = {"units": (8, 6, 5)} | ({"embedding_size": 5} if embedding else {})
    tokens = "words" if vocabulary.words else "chars"
    model = build(Config(name="x", tokens=tokens, **sizes | options), vocabulary)
    for weight in model.keras_model.weights:  # those of labels start at zero
        weight.assign(weight + np.random.default_rng(len(weight.shape)).normal(0, 0.3, weight.shape))
    return model


def opened(model, vocabulary, form="float16"):
    """Returns the code that makes `model` and `tokens` in JavaScript. Rounds the weights of the model."""
    packed = packing.pack(model, form=form)
    facts = packed.facts | {"tokens": vocabulary.tokens, "labels": vocabulary.labels, "end": vocabulary.end}
    facts |= {"letters": "".join(vocabulary.letters), "compose": True, "typography": None}
    return (
        f"const facts = {json.dumps(facts)}; const tokens = new Tokens(facts); const model = new Model(facts, "
        f'new Uint8Array(Buffer.from("{base64.b64encode(packed.data).decode()}", "base64")));'
    )


KINDS = [
    (architecture, cell, options)
    for architecture in ("sequential", "functional")
    for cell in networks.OUTPUT_VARIANCE
    for options in ({"encoding": "one_hot"}, {"encoding": "embedding"}, {"encoding": "embedding", "tie": True})
]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["float16", "int8"])
def test_logits_and_cells_are_those_of_tensorflow(form):
    ids = np.random.default_rng(0).integers(0, len(CHARACTERS), 12).tolist()
    programs, expected, cells = [], [], []
    for architecture, cell, options in KINDS:
        model = random_model(CHARACTERS, architecture=architecture, cell=cell, **options)
        programs.append(
            f"all.push((() => {{ {opened(model, CHARACTERS, form)} const state = model.fresh();"
            f"const logits = {ids}.map((id) => Array.from(model.step(id, state)));"
            "const cells = new Float64Array(model.units); model.cells(state, cells, 0);"
            "return [logits, Array.from(cells)]; })());"
        )
        states, rows = model.start(1), []
        for id in ids:
            logits, states = model.step()(tf.constant([id]), states)
            rows.append(logits.numpy()[0])
        expected.append(rows)
        shown = states if cell in ("gru", "rnn") else [np.tanh(carry) for carry in states[1::2]]
        cells.append(np.concatenate([np.asarray(state)[0] for state in shown]))
    found = javascript(f"const all = []; {''.join(programs)} return all;")
    np.testing.assert_allclose([logits for logits, _ in found], expected, atol=5e-6)
    np.testing.assert_allclose([values for _, values in found], cells, atol=5e-6)


@pytest.mark.parametrize(
    ("characters", "read"),
    [
        ("ab“”‘’", "“a b” (“a”) ‘a’ b’b"),
        ("ab”’", "”a b” (”a”) ’a’ b’b"),
        ("ab\"'“”", '"a b" ("a") \'a\' b\'b'),
        ("ab", '"a b" ("a") \'a\' b\'b'),
    ],
)
def test_straight_quotes_are_read_as_curly_ones_where_the_model_knows_these_alone(characters, read):
    facts = {"tokens": ["\ufffd", *characters, " ", "(", ")"], "end": None, "letters": ""}
    text = json.dumps('"a b" ("a") \'a\' b\'b')
    code = f"const tokens = new Tokens({json.dumps(facts)}); return tokens.encode({text}).map(({{ piece }}) => piece);"
    assert "".join(javascript(code)) == read


def test_every_float16_is_read_as_numpy_reads_it():
    found = javascript("return Array.from({ length: 65536 }, (_, bits) => half(bits));")
    expected = np.arange(65536, dtype="uint16").view("float16").astype("float64")
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.array(found)[finite], expected[finite])


@pytest.mark.parametrize("form", packing.FORMS)
def test_stored_weights_are_near_those_of_the_model(form):
    model = random_model(CHARACTERS)
    before = model.keras_model.get_weights()
    packing.pack(model, form=form)
    for number, (old, new) in enumerate(zip(before, model.keras_model.get_weights(), strict=True)):
        # The first kernel has a row for each token, and the others a column for each output.
        largest = np.abs(old).max(axis=0 if number else -1, keepdims=True) if old.ndim == 2 else np.abs(old)
        assert (np.abs(old - new) <= largest * (2**-11 if form == "float16" else 1 / 200)).all()
        assert old.ndim == 1 or np.abs(old - new).max() > 0


def test_the_vectors_of_tokens_have_a_scale_each():
    model = random_model(CHARACTERS)
    kernel = model.keras_model.layers[0].cell.kernel
    kernel.assign(kernel * np.float32(10.0 ** np.arange(len(CHARACTERS)))[:, None] * 1e-6)
    before = kernel.numpy()
    packing.pack(model, form="int8")
    assert (np.abs(kernel - before) <= np.abs(before).max(axis=1, keepdims=True) / 200).all()


@pytest.mark.parametrize("vocabulary", [CHARACTERS, WORDS, LABELLED])
def test_texts_have_the_ids_of_python(vocabulary):
    model, reader = random_model(vocabulary), Reader()
    found = javascript(
        f"{opened(model, vocabulary)} return {json.dumps(TEXTS)}.map((text) => normalized(text, facts))"
        ".map((text) => [text, tokens.encode(text).map(({ id }) => id), tokens.prompt(text)]);"
    )
    for text, (normal, ids, prompt) in zip(TEXTS, found, strict=True):
        assert normal == reader.prompt(text)
        assert ids == vocabulary.encode(normal).tolist()
        assert prompt == vocabulary.encode_prompt(normal).tolist()


def test_plain_texts_get_the_typography_of_python():
    texts = ["“It is _very_\r\nold” — she…", "snake_case ____ _a b_ œuvre ﬁn\u00ad\u200b", "  x\t\n\n y "]
    table = json.dumps({chr(code): text for code, text in ASCII.items()})
    how = f"{{ compose: true, typography: {table} }}"
    found = javascript(f"return {json.dumps(texts)}.map((text) => normalized(text, {how}));")
    assert found == [Reader(plain=True).prompt(text) for text in texts]


def test_noise_is_that_of_python():
    seeds = [0, 1, -1, 2**31, 2**62 + 3, -(2**63)]
    found = javascript(
        f"return {json.dumps(list(map(str, seeds)))}.map((seed) => [0, 1, 999].map((at) => uniformNoise(seed, at)));"
    )
    expected = [uniform_noise(tf.constant(seeds, tf.int64))(tf.constant(at, tf.int64)) for at in (0, 1, 999)]
    np.testing.assert_array_equal(found, np.transpose(expected))


@pytest.mark.parametrize(
    "how",
    [
        {"temperature": 0, "topK": 0, "topP": 1},
        {"temperature": 0.7, "topK": 0, "topP": 1},
        {"temperature": 1.5, "topK": 3, "topP": 1},
        {"temperature": 1, "topK": 0, "topP": 0.6},
        {"temperature": 1, "topK": 4, "topP": 0.9},
        {"temperature": 1, "topK": 10**9, "topP": 1e-9},
    ],
)
def test_the_same_noise_chooses_the_same_token(how):
    chance = np.random.default_rng(3)
    logits = chance.normal(0, 2, (300, 9)).astype("float32")
    logits[:50, 0] = 9  # the unknown character is never written
    logits[50:60] = 1
    noise = chance.random(300).astype("float32")
    found = javascript(
        f"return {json.dumps([*zip(logits.tolist(), noise.tolist(), strict=True)])}"
        f".map(([logits, noise]) => choose(Float64Array.from(logits), noise, {json.dumps(how)}));"
    )
    rows = {"temperature": how["temperature"], "top_k": how["topK"], "top_p": how["topP"]}
    kinds = {"temperature": tf.float32, "top_k": tf.int32, "top_p": tf.float32}
    limits = {name: tf.fill([300], tf.constant(value, kinds[name])) for name, value in rows.items()}
    expected = chooser(Draws(None, **limits))(without_unknown(tf.constant(logits)), tf.constant(noise))
    assert np.mean(found == expected.numpy()) > 0.99  # float32 may round a border to its other side
    assert 0 not in found


READ = (
    "const texts = {texts}.map((text) => tokens.encode(text)); const steps = reading(model, texts, {label}); let step;"
    "do step = steps.next(); while (!step.done); const found = step.value;"
    "return {{ ...summary(found), unknown: found.unknown, each: Array.from(found.nats), pieces: found.pieces,"
    "likeliest: Array.from(found.likeliest), chances: Array.from(found.chances),"
    "traits: found.traits.map(({{ name }}) => name) }};"
)


@pytest.mark.parametrize("vocabulary", [CHARACTERS, WORDS])
def test_a_running_text_costs_what_python_says(vocabulary):
    model = random_model(vocabulary)
    code = opened(model, vocabulary)
    text = Reader().prompt(TEXTS[3])
    found = javascript(code + READ.format(texts=json.dumps([text]), label=0))
    ((score, losses),) = LanguageModel(model, vocabulary).losses([text])
    assert found["each"][0] is None  # nothing is before it
    np.testing.assert_allclose(found["each"][1:], losses, atol=1e-5)
    assert (found["characters"], found["unknown"]) == (score.characters, score.unknown_characters)
    assert found["sum"] == pytest.approx(score.nats, rel=1e-5)
    language_model = LanguageModel(model, vocabulary)
    prompt = "".join(found["pieces"][:4])
    named = dict(language_model.next_char([prompt], k=99)[0])
    place = slice(5 * 3, 5 * 4)
    known = [
        (vocabulary.tokens[id], chance)
        for id, chance in zip(found["likeliest"][place], found["chances"][place], strict=True)
        if id
    ]
    ratios = [chance / named[token] for token, chance in known]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)  # Python leaves the unknown character out
    assert found["traits"] == ["inside quotes", "position in the line", "line ends", "word starts", "digits"]
    assert found["chances"][place] == sorted(found["chances"][place], reverse=True)


def test_jobs_that_take_turns_dont_disturb_each_other():
    """Both use the model's buffers."""
    alone, together = javascript(
        f"{opened(random_model(CHARACTERS), CHARACTERS)}"
        "const texts = ['the cat', 'né, eh.'].map((text) => [tokens.encode(text)]);"
        "const nats = (steps) => { for (;;) {"
        "  const { value, done } = steps.next(); if (done) return Array.from(value.nats); } };"
        "const alone = texts.map((text) => nats(reading(model, text)));"
        "const [first, second] = texts.map((text) => reading(model, text));"
        "for (let turn = 0; turn < 5; turn++) { first.next(); second.next(); }"
        "return [alone, [nats(first), nats(second)]];"
    )
    assert alone == together


@pytest.mark.parametrize("label", [0, 2])
def test_documents_with_labels_cost_what_python_says(label):
    model = random_model(LABELLED)
    code = opened(model, LABELLED)
    texts = ["the cat", "né", "a cat."]
    found = javascript(code + READ.format(texts=json.dumps(texts), label=label))
    scored = LanguageModel(model, LABELLED).losses(texts, label=LABELLED.labels[label])
    np.testing.assert_allclose(found["each"], np.concatenate([losses for _, losses in scored]), atol=1e-5)
    assert found["characters"] == sum(score.characters for score, _ in scored)


def test_cells_are_named_by_what_they_follow():
    text = (
        'A "quoted part" (in brackets)\nand 12 more.\n\nThe "quote that never ends,\n\nends with its paragraph.\n' * 3
    )
    traits, values, best = javascript(
        f"const text = {json.dumps(text)}; const traits = Object.keys(TRAITS); const first = new Correlations(1);"
        "const values = Array.from(text, (character) => { first.add(character, [0]);"
        "return traits.map((name) => first.state.traits[name]); });"
        # A cell follows each trait, upside down, and one follows nothing.
        "const second = new Correlations(traits.length + 1);"
        "values.forEach((row, at) => second.add(text[at], [...row.map((value) => 1 - 3 * value), 0.5]));"
        "return [traits, values, second.best(1)];"
    )
    follows = {name: [*zip(text, row, strict=True)] for name, row in zip(traits, np.transpose(values), strict=True)}
    marked = {name: "".join(character for character, value in row if value) for name, row in follows.items()}
    assert marked["inside quotes"] == '"quoted part"quote that never ends,\n' * 3
    assert marked["inside brackets"] == "(in brackets" * 3
    assert (marked["line ends"], marked["digits"]) == ("\n" * 18, "12" * 3)
    assert (marked["word starts"], marked["capital letters"]) == ("Aqpiba1mTqtneewip" * 3, "AT" * 3)
    assert [value for _, value in follows["position in the line"]][28:32] == [29, 0, 1, 2]
    assert [row["name"] for row in best] == traits
    for number, row in enumerate(best):
        assert (row["cells"][0]["cell"], round(row["cells"][0]["correlation"], 9)) == (number, -1)
