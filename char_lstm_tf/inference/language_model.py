"""A trained model to use from Python: it writes text, scores text, and names likely next characters."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from char_lstm_tf import pickling
from char_lstm_tf.inference.adaptive import LEARNERS, Adaptation, known_text
from char_lstm_tf.inference.calibration import Calibration
from char_lstm_tf.inference.scoring import LEARNING, KnownText, Score, TokenScorer, label_scorer
from char_lstm_tf.inference.writing import Sampling, Writer
from char_lstm_tf.inference.writing.beam import likeliest_texts
from char_lstm_tf.inference.writing.sampling import list_of_texts, whole_number
from char_lstm_tf.inference.writing.writer import cut_at_stops
from char_lstm_tf.models.build import load
from char_lstm_tf.models.classifier import Classifier
from char_lstm_tf.models.keras_models import network_of, vocabulary_of
from char_lstm_tf.models.network import Network
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.process_state import needs_tensorflow
from pipelines.sources import Reader
from pipelines.vocabulary import Framing, Vocabulary

if TYPE_CHECKING:
    import keras

ROWS = 64  # texts written side by side


class LanguageModel:
    """A trained model and its vocabulary.

    The first call of a method compiles a loop, which takes some seconds. Later calls use it for texts of any number and
    any length. Texts take the form of the training text: line ends become `\\n`, and accents one code point (NFC) if it
    was cleaned. Several threads may use one model. A copy, or one that was pickled, is loaded from the run again.
    """

    _place: tuple[Path, str] | None = None  # of the run, and what `TrainedRun.fingerprint` was

    def __init__(
        self,
        network: Network | Classifier,
        vocabulary: Vocabulary,
        reader: Reader | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.network, self.vocabulary, self.reader = network, vocabulary, reader or Reader()
        labels = len(vocabulary.labels)
        self.calibration = calibration or Calibration((1 / max(labels, 1),) * labels)
        self.label_scorer = label_scorer(network, vocabulary, self.calibration.shares)
        self.scorer: TokenScorer = self.label_scorer
        self._writer = Writer(cast(Network, network), vocabulary)  # `label_ids` refuses others

    def __repr__(self) -> str:
        """Returns what it is, such as `LanguageModel(Recurrent, 264,296 parameters, 103 characters)`."""
        kinds = {"characters": self.vocabulary.characters[1:], "words": self.vocabulary.words}
        kinds["labels"] = self.vocabulary.labels
        sizes = [f"{len(found):,} {kind}" for kind, found in kinds.items() if len(found)]
        parameters = f"{self.keras_model.count_params():,} parameters"
        return f"LanguageModel({', '.join([type(self.network).__name__, parameters, *sizes])})"

    @classmethod
    def load(cls, path: str | Path) -> "LanguageModel":
        """Returns the best model of a run.

        Args:
            path: the run's folder, such as saved_models/quickstart.

        Raises:
            UserError: there is no trained run, or its files don't fit each other.
        """
        return cls.of(TrainedRun.open(path))

    @classmethod
    @needs_tensorflow
    def of(cls, run: TrainedRun) -> "LanguageModel":
        """Returns the best model of a run that is open. Raises UserError if its files don't fit each other."""
        model = cls(load(run), run.vocabulary, run.config.prompt_reader, Calibration.of(run))
        model._place = run.folder.path.resolve(), run.fingerprint()
        return model

    @classmethod
    def from_keras(
        cls, model: "keras.Model", vocabulary: Vocabulary | Sequence[str], *, window: int | None = None
    ) -> "LanguageModel":
        """Returns a Keras model of one's own as a language model, with the weights that it has at the time of a call.

        Args:
            model: predicts characters from one-hot vectors or ids, see `network_of`, like `window`.
            vocabulary: that of a `char_lstm_tf.data.Text`, or all characters in the order of their ids: `["[UNK]", …]`.
            window: characters that it reads at a time; None: its input says so, or it is read one by one.

        Raises:
            UserError: the model is something else, or doesn't fit the vocabulary.
        """
        known = vocabulary_of(vocabulary)
        return cls(network_of(model, known, window=window), known)

    @property
    def keras_model(self) -> "keras.Model":
        """The Keras model with the weights, to predict with, to train further or to save."""
        return self.network.keras_model

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles or copies the place of the run.

        Raises:
            UserError: the model was made in memory, or has learnt while scoring.
        """
        if self._place is None:
            raise UserError("a model without a run's folder can't be pickled or copied; load a trained run instead")
        if self.scorer is not self.label_scorer:
            raise UserError("a model that learns while it scores can't be pickled or copied; do it before it learns")
        return pickling.load_again, self._place

    @needs_tensorflow
    def learn_while_scoring(self, adaptation: Adaptation) -> None:
        """Makes `score` and `losses` learn from each text after they have scored it. Writing and classifying don't.

        Args:
            adaptation: how a recurrent network learns. Counted n-grams learn by counting, after they have counted the
                text again that they were trained on.

        Raises:
            UserError: the model is neither.
        """
        self.label_ids(next(iter(self.vocabulary.labels), ""))
        if type(self.network) not in LEARNERS:
            raise UserError("--dynamic: only a recurrent network or counted n-grams learn while they score")
        known = known_text(TrainedRun.open(self._place[0])) if self._place else KnownText()
        self.scorer = LEARNERS[type(self.network)](self.network, self.vocabulary, adaptation, known)

    @needs_tensorflow
    def adopt(self) -> None:
        """Gives the model itself the weights that it has learnt while scoring, to write, classify or be saved with.

        Raises:
            UserError: it isn't a recurrent network that learns while it scores.
        """
        with LEARNING:
            self.scorer.adopt()
        self._place = None  # the model isn't that of the run any more

    @property
    def learning(self) -> Mapping[str, float]:
        """How a network that learns while it scores does so, by name; empty for others."""
        return self.scorer.learning

    @property
    def framing(self) -> Framing:
        """What stands around a text: end symbols around a document, nothing around running text."""
        return self.vocabulary.framing

    def generate(
        self,
        prompts: Sequence[str],
        *,
        chars: int | None = None,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int | None = None,
        stop: Sequence[str] = (),
        label: str = "",
    ) -> list[str]:
        """Returns what follows each prompt, without the prompt.

        Args:
            prompts: what the texts continue. An empty prompt starts from a new line, or begins a document.
            chars: characters of each text. A model of documents may end one earlier. None: 500, or of a document, up
                to 100,000.
            temperature: as for `Sampling`, like `top_k`, `top_p` and `stop`.
            top_k: 0: among all.
            top_p: 1: among all.
            seed: random seed of the first text; the second one has the next, as in `sample --num_samples`. None: new
                texts each time.
            stop: `chars` ends a text too.
            label: of the texts. A model with labels needs one.

        Raises:
            UserError: an argument is out of its range, or the label isn't known.
        """
        seed = secrets.randbits(31) if seed is None else seed
        sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed, stop=stop)
        return self.write(prompts, sampling, chars=chars, label=label)

    def write(
        self, prompts: Sequence[str], sampling: Sampling, *, chars: int | None = None, label: str = ""
    ) -> list[str]:
        """Returns what follows each prompt. Arguments as for `generate`."""
        prompts, texts = list_of_texts("prompts", prompts), []
        for start in range(0, len(prompts), ROWS):
            rows = prompts[start : start + ROWS]
            pieces = list(self.stream(rows, sampling, chars=chars, label=label, first=start))
            texts += ["".join(piece[row] for piece in pieces) for row in range(len(rows))]
        return texts

    @needs_tensorflow
    def stream(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        *,
        chars: int | None = None,
        label: str = "",
        first: int = 0,
    ) -> Iterator[list[str]]:
        """Yields the next characters of each text, again and again.

        Args:
            prompts: as for `generate`.
            sampling: how tokens are chosen. The first text has its seed, the second one the next.
            chars: as for `generate`, like `label`.
            label: of all texts.
            first: how many texts with seeds before these there are.
        """
        chars = self.framing.default_chars if chars is None else whole_number("chars", chars, below=2**31)
        prompts = list(map(self.reader.prompt, list_of_texts("prompts", prompts)))
        labels, rows = self.label_ids(label) * len(prompts), sampling.for_rows(len(prompts), first=first)
        pieces = self._writer.write(prompts, rows, chars=chars, labels=labels)
        return cut_at_stops(pieces, list(map(self.reader.prompt, sampling.stop)))

    def label_ids(self, label: str) -> list[int]:
        """Returns and raises what `TokenScorer.label_ids` does."""
        return self.label_scorer.label_ids(label)

    @needs_tensorflow
    def likeliest(self, prompt: str, *, chars: int, width: int, label: str = "") -> list[tuple[str, float]]:
        """Returns the likeliest texts that a beam search of a width finds, and their nats, likeliest first."""
        chars = whole_number("chars", chars, at_least=1, below=2**31)
        width = whole_number("width", width, at_least=1, below=2**31)
        (prompt,) = map(self.reader.prompt, list_of_texts("prompt", [prompt]))
        network, own = cast(Network, self.network), sum(self.label_ids(label))
        return likeliest_texts(network, self.vocabulary, prompt, chars=chars, width=width, label=own)

    @needs_tensorflow
    def next_char(self, prompts: Sequence[str], *, k: int = 5, label: str = "") -> list[list[tuple[str, float]]]:
        """Returns the k likeliest next characters after each prompt with their probabilities, likeliest first.

        The unknown character is never among them, so there are at most V - 1. The end of a document is "". Where words
        are tokens, these are the likeliest next tokens.
        """
        k, prompts = whole_number("k", k, below=2**31), list_of_texts("prompts", prompts)
        if not prompts:
            return []
        labels = self.label_ids(label) * len(prompts)
        return self._writer.likeliest_next(list(map(self.reader.prompt, prompts)), labels, k=k)

    def score(self, texts: Sequence[str], *, label: str = "") -> list[Score]:
        """Returns how well the model predicts each text, and the end of each document.

        The first character of a running text has nothing before it and isn't scored.
        """
        texts = list(map(self.reader.prompt, list_of_texts("texts", texts)))
        return [score for score, _ in self.losses(texts, label=label)]

    @needs_tensorflow
    def losses(self, texts: Sequence[str], *, window: int = 0, label: str = "") -> list[tuple[Score, np.ndarray]]:
        """Returns the score of each text and the losses of its characters, in nats.

        Losses are float32 `[N - 1]`, of all tokens of a running text but the first, or `[N + 1]`, of all tokens of a
        document and of its end. `predicted` gives the tokens.

        Args:
            texts: each is read as it is, from a fresh state that is carried to its end.
            window: reset the state after this many tokens; 0: never. What the model has learnt while scoring stays.
            label: of all texts. A model with labels needs one.
        """
        ids = [self.vocabulary.encode_whole(text) for text in texts]
        lengths, documents = self.vocabulary.lengths, self.framing.marks
        labels = self.label_ids(label) * len(ids)
        losses = self.scorer.nats_of_each(ids, labels, window=window)
        return [
            (Score.of(text, own, nats, lengths=lengths, documents=documents), nats)
            for text, own, nats in zip(texts, ids, losses, strict=True)
        ]

    def bits(self, texts: Sequence[str], *, window: int = 0, label: str = "") -> list[np.ndarray]:
        """Returns what `TokenScorer.bits_of_each` does, of each text. Arguments as for `losses`."""
        ids = [self.vocabulary.encode_whole(text) for text in texts]
        return self.scorer.bits_of_each(ids, self.label_ids(label) * len(ids), window=window)

    def predicted(self, text: str) -> list[str]:
        """Returns the tokens of a text that have a loss: characters, or words and characters; "" is an end."""
        return self.framing.predicted(self.vocabulary.cut(text))

    def classify(self, texts: Sequence[str], *, priors: str = "training") -> list[dict[str, float]]:
        """Returns the probability of each label of each text, the likeliest label first.

        Args:
            texts: whole documents.
            priors: `training`: the share of a label in the documents for training counts too. `equal`: it doesn't.
                `balanced`: its square root does.

        Raises:
            UserError: the model has no labels, or the priors are none of these.
        """
        self.calibration.prior(priors)  # before the texts are read
        nats, characters = self.losses_per_label(list(map(self.reader.prompt, texts)))
        return self.calibration.ranked(self.vocabulary.labels, nats, characters, priors=priors)

    @needs_tensorflow
    def losses_per_label(self, texts: Sequence[str], *, whole: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Returns the loss of each text under each label, in nats, float64 `[D, L]`, and its characters, `[D]`.

        Args:
            texts: as they are.
            whole: whether they end where a document ends, so that the end counts too.

        Raises:
            UserError: the model has no labels.
        """
        encode = self.vocabulary.encode_whole if whole else self.vocabulary.encode_prompt
        return self.label_scorer.sums_per_label(list(map(encode, texts)))
