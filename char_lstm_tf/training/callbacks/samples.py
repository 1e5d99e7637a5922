"""What a model writes at the end of an epoch, in a run and in somebody's `model.fit`."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from char_lstm_tf.config import Config
from char_lstm_tf.inference.writing import Sampling, Writer
from char_lstm_tf.inference.writing.sampling import whole_number
from char_lstm_tf.models.keras_models import network_of, vocabulary_of
from pipelines import UserError
from pipelines.sources import Reader
from pipelines.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True, kw_only=True)
class Samples:
    """What a model is asked to write.

    Attributes:
        prompt: what the samples continue; empty: a new line, or the beginning of a document.
        chars: characters of each sample.
        temperatures: a sample for each, see `Sampling`.
        seed: the same for every epoch, so samples differ by what was learned.
        texts: texts of a sample. Of documents, it has as many of them as there are in `chars` characters, but at least
            one and at most these, one label after the other.
        unit: of the losses in the heading.
    """

    prompt: str = ""
    chars: int = 200
    temperatures: tuple[float, ...] = (0.5, 1.0)
    seed: int = 0
    texts: int = 1
    unit: str = ""

    @classmethod
    def of(cls, config: Config) -> "Samples":
        """Returns those of a run."""
        return cls(
            prompt=config.prompt_reader.prompt(config.prompt),
            chars=config.sample_chars,
            temperatures=config.sample_temperatures,
            seed=config.seed,
            texts=config.settings.text.texts_in_sample,
            unit=" (nats per character)",
        )

    def report(self, writer: Writer, epoch: int, losses: Mapping[str, Any]) -> str:
        """Returns a sample for each temperature, under a heading with the epoch, counted from 0, and its losses."""
        count, known = self.texts, writer.labels
        rows = [
            Sampling(temperature=temperature, seed=self.seed + number)
            for temperature in self.temperatures
            for number in range(count)
        ]
        labels = [number % len(known) for _ in self.temperatures for number in range(count)] if known else []
        pieces = writer.write([self.prompt] * len(rows), rows, chars=self.chars, labels=labels)
        measured = ", ".join(f"{name} {losses[name]:.4f}" for name in ("loss", "val_loss") if name in losses)
        measured = measured and f"{measured}{self.unit}, "
        report = f"\n━━ epoch {epoch + 1}: {measured}prompt {self.prompt!r}\n"
        texts = list(map("".join, zip(*pieces, strict=True)))
        for temperature, first in zip(self.temperatures, range(0, len(rows), count), strict=True):
            own = texts[first : first + count]
            written = itertools.accumulate((len(text) for text in own), initial=0)
            shown = [text for text, before in zip(own, written, strict=False) if before < self.chars]
            headings = [f"[{known[label]}] " for label in labels] or [""] * count
            lines = (f"{heading}{self.prompt}{text}\n" for heading, text in zip(headings, shown, strict=False))
            report += f"── temperature {temperature}\n" + "".join(lines)
        return report


def show_samples(report: str, path: Path, *, quiet: bool) -> None:
    """Prints samples, unless `quiet`, and appends them to a file. Does nothing if there are none."""
    if not report:
        return
    if not quiet:
        print(report, flush=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(report)


class SampleText(keras.callbacks.Callback):
    """Prints what a Keras model writes at the end of an epoch.

    Args:
        vocabulary: as for `LanguageModel.from_keras`. The model must be one that this understands.
        prompt: what the samples continue; empty: a new line.
        chars: characters of each sample.
        temperatures: a sample for each: below 1 safer, above 1 wilder, 0 the likeliest character every time.
        seed: of the samples of every epoch.
        every: epochs from one sample to the next.
        window: as for `LanguageModel.from_keras`.

    Raises:
        UserError: an argument is wrong or, when training begins, the model can't write text.
    """

    def __init__(
        self,
        vocabulary: Vocabulary | Sequence[str],
        *,
        prompt: str = "",
        chars: int = 200,
        temperatures: Sequence[float] = (0.5, 1.0),
        seed: int = 0,
        every: int = 1,
        window: int | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(temperatures, Sequence) or not temperatures:
            raise UserError(f"temperatures={temperatures!r}: must be a list of one number or more")
        for temperature in temperatures:
            Sampling(temperature=temperature, seed=seed)  # checks them
        self._vocabulary, self._window = vocabulary_of(vocabulary), window
        self._every = whole_number("every", every, at_least=1, below=2**31)
        self._samples = Samples(
            prompt=Reader().prompt(prompt),
            chars=whole_number("chars", chars, at_least=1, below=2**31),
            temperatures=tuple(temperatures),
            seed=seed,
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Prepares to write with the model, whose layers are known now."""
        self._writer = Writer(network_of(self.model, self._vocabulary, window=self._window), self._vocabulary)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes and prints."""
        if (epoch + 1) % self._every == 0:
            print(self._samples.report(self._writer, epoch, logs or {}), flush=True)
