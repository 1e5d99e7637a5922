"""Several runs together: the probability of each label of a text, or of each of its tokens."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from char_lstm_tf.inference import measures
from char_lstm_tf.inference.adaptive import Adaptation
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.inference.mixing import Mixing
from char_lstm_tf.inference.scoring import LEARNING, Score
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.process_state import needs_tensorflow


@dataclasses.dataclass(frozen=True)
class Classified:
    """What an ensemble finds in D texts.

    Attributes:
        nats: losses under each label, float64 `[D, L]`; of several runs with labels, those of the first.
        characters: how many were scored, `[D]`.
        probabilities: float64 `[D, L]`.
        quantiles: of the loss under the likeliest label, see `TypicalLosses`, `[D]`; None where they aren't known.
    """

    nats: np.ndarray
    characters: np.ndarray
    probabilities: np.ndarray
    quantiles: list[float] | None = None


class Ensemble:
    """One or several runs with the same labels. Their evidence counts equally.

    Args:
        runs: the runs.

    Attributes:
        labels: in the order of the probabilities.
        notes: what the user should know of the probabilities.
        left_out: characters that weren't compared so far, because not all runs know them.
        has_losses: whether `Classified.nats` are losses of texts. The answer of a network that answers labels is none.
        compares_losses: whether `Classified.quantiles` are known.

    Raises:
        UserError: a run has no labels, or others than the first.
    """

    def __init__(self, runs: Sequence[TrainedRun]) -> None:
        self.models = list(map(LanguageModel.of, runs))
        self.labels, self.left_out = self.models[0].vocabulary.labels, 0
        self.notes: list[str] = []
        self.has_losses = not self.models[0].label_scorer.per_text
        self.compares_losses = self.models[0].calibration.typical_losses is not None
        for folder, model in zip((run.folder.path for run in runs), self.models, strict=True):
            self._check(str(folder), model)

    def _check(self, folder: str, model: LanguageModel) -> None:
        if not model.vocabulary.labels:
            raise UserError(
                f"--model={folder}: was trained without labels; train it with --labels, or compare several runs, "
                "one for each label, with --models"
            )
        if set(model.vocabulary.labels) != set(self.labels):
            raise UserError(
                f"--mix={folder}: has the labels {', '.join(model.vocabulary.labels)}, and the first run "
                f"{', '.join(self.labels)}; they must be the same"
            )
        if not model.calibration.passages:
            self.notes.append(f"{folder}: had no held-out texts to calibrate its probabilities on; they are extreme")
        report = model.calibration.report
        if report and not measures.beats_shares(report):
            self.notes.append(f"{folder}: {measures.verdict(report)}")

    def classify(self, texts: Sequence[str], *, whole: bool = True, priors: str = "training") -> Classified:
        """Returns the probabilities of the labels of texts.

        Args:
            texts: in the form of the training text.
            whole: whether each ends where a document ends.
            priors: see `Calibration.prior`.
        """
        losses = [model.losses_per_label(texts, whole=whole) for model in self.models]
        logits = np.zeros((len(texts), len(self.labels)))
        for model, (nats, characters) in zip(self.models, losses, strict=True):
            places = [model.vocabulary.labels.index(label) for label in self.labels]
            logits += model.calibration.logits(nats, characters, priors=priors)[:, places]
        (nats, characters), probabilities = losses[0], measures.softmax(logits / len(self.models))
        quantiles, typical = None, self.models[0].calibration.typical_losses
        if typical:
            chosen = probabilities.argmax(axis=1)
            rows = zip(nats[np.arange(len(texts)), chosen], characters, chosen, strict=True)
            quantiles = [typical.quantile(*row) for row in rows]
        return Classified(nats, characters, probabilities, quantiles)


class RunPerLabel(Ensemble):
    """Several runs without labels, one for each label, which is named like the folder of its run.

    Args:
        runs: the runs.

    Raises:
        UserError: there are fewer than two, two have the same name, or they can't be compared.
    """

    def __init__(self, runs: Sequence[TrainedRun]) -> None:
        folders = [run.folder.path for run in runs]
        names = tuple(folder.resolve().name for folder in folders)
        if len(set(names)) != len(names) or len(names) < 2:
            raise UserError(f"--models={','.join(map(str, folders))}: give at least two runs, with different names")
        self._first = folders[0]
        super().__init__(runs)
        if any(model.vocabulary.words for model in self.models):
            characters = [set(model.vocabulary.characters) for model in self.models]
            if any(known != characters[0] for known in characters):
                raise UserError(
                    "--models: with words as tokens, all runs must know the same characters; train them with "
                    "--tokens=chars, or from one run (--init_from)"
                )
        self._known = set.intersection(*(set(model.vocabulary.characters[1:]) for model in self.models))
        self.labels = names
        self.notes = ["--models: the probabilities aren't calibrated; those of long texts are extreme"]

    def _check(self, folder: str, model: LanguageModel) -> None:
        first = self.models[0]
        if model.vocabulary.labels:
            raise UserError(f"--models: {folder} was trained with labels; give it as --model")
        if model.framing.marks != first.framing.marks or model.reader != first.reader:
            raise UserError(
                f"--models: {folder} and {self._first} read texts in different ways (--documents, --normalize, "
                "--clean or --text_encoding), so their losses can't be compared; train them alike"
            )

    def classify(self, texts: Sequence[str], *, whole: bool = True, priors: str = "training") -> Classified:
        """Returns what `Ensemble.classify` does, from the losses of the tokens that all runs know."""
        nats, characters, left_out = np.zeros((len(texts), len(self.models))), np.zeros(len(texts), int), 0
        for column, model in enumerate(self.models):
            left_out = 0
            for row, (text, (_, losses)) in enumerate(zip(texts, model.losses(texts), strict=True)):
                tokens = model.predicted(text)
                lengths = np.array([max(len(token), 1) if token or whole else 0 for token in tokens], int)
                kept = np.array([self._known.issuperset(token) for token in tokens], bool) & (lengths > 0)
                nats[row, column] = losses[kept].sum(dtype=np.float64)
                characters[row] = lengths[kept].sum()
                left_out += int(lengths[~kept].sum())
        self.left_out += left_out
        return Classified(nats, characters, measures.softmax(-nats))


def load_all(runs: Sequence[TrainedRun], adaptation: Adaptation | None, *, label: str = "") -> list[LanguageModel]:
    """Returns the models of runs, which learn while they score if an adaptation is given.

    Raises:
        UserError: the first model can't learn (others stay as they are then), or doesn't know the label.
    """
    models = list(map(LanguageModel.of, runs))
    models[0].label_ids(label)  # a mistake in it shows before anything is printed
    if adaptation:
        models[0].learn_while_scoring(adaptation)
        for model in models[1:]:
            with contextlib.suppress(UserError):
                model.learn_while_scoring(adaptation)
    return models


class Mixture:
    """Models that predict together, and contexts with them if counted n-grams among them learn while they score.

    `inference.mixing` says how. It learns from each token after it has been predicted.

    Args:
        models: with the same tokens, and running text or documents alike.

    Raises:
        UserError: the models can't be mixed.
    """

    def __init__(self, models: Sequence[LanguageModel]) -> None:
        first = models[0]
        for model in models:
            if set(model.vocabulary.tokens) != set(first.vocabulary.tokens):
                raise UserError(
                    "--mix: the models must have the same tokens: train them on the same text with the same --tokens, "
                    "--max_words and --documents"
                )
            if model.reader != first.reader:
                raise UserError("--mix: the models read texts in different ways (--normalize, --clean)")
        self._models, self._vocabulary = list(models), first.vocabulary
        self.framing, self.predicted = first.framing, first.predicted
        known = next((model.scorer.known for model in models if model.scorer.known), None)
        # Contexts that have read the text of counted n-grams know all that these do.
        self._asked = [model for model in models if not (model.scorer.known and model.scorer.known.tokens)]
        self._mixing = Mixing(first.vocabulary, models=len(self._asked), known=known)

    @needs_tensorflow
    def losses(self, texts: Sequence[str], *, window: int = 0, label: str = "") -> list[tuple[Score, np.ndarray]]:
        """Returns what `LanguageModel.losses` does. A label is for the models with labels."""
        ids, lengths = [self._vocabulary.encode_whole(text) for text in texts], self._vocabulary.lengths
        with LEARNING:
            given = [
                model.bits(texts, window=window, label=label if model.vocabulary.labels else "")
                for model in self._asked
            ]
            losses = self._mixing.read_all(ids, given)
        return [
            (Score.of(text, own, nats, lengths=lengths, documents=self.framing.marks), nats)
            for text, own, nats in zip(texts, ids, losses, strict=True)
        ]

    @property
    def learning(self) -> Mapping[str, float]:
        """How those that learn while they score do so, by name."""
        return {name: value for model in self._models for name, value in model.learning.items()}

    @property
    def powers(self) -> list[float | None]:
        """See `Mixing.powers`, of each model; None: contexts that learn have taken its place."""
        found = iter(self._mixing.powers)
        return [next(found) if model in self._asked else None for model in self._models]
