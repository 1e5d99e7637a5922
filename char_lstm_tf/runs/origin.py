"""The run that `--init_from` names, and what a run that starts from it takes over."""

import dataclasses
from typing import Any

from char_lstm_tf.config import Config, ModelConfig
from char_lstm_tf.config.settings import Classifier, Documents, NeuralNgram
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.options import format_flag

_TRAINED = ("dropout", "sampled_softmax")  # flags of the model that change how it is trained, and not its weights
SIZES = [*(each.name for each in dataclasses.fields(ModelConfig) if each.name not in _TRAINED), "encoding", "tokens"]
ABOVE = ("ngrams", "tie")  # sizes of what is above the recurrent layers


class Origin(TrainedRun):
    """The run that another one starts from."""

    def defaults(self) -> dict[str, Any]:
        """Returns the flags that a new run takes over unless they are given.

        They are all sizes, the tokens, the target, the window, what a document is, and how text is normalized.
        """
        taken = (*SIZES, "sampled_softmax", "target", "window", "documents", "normalize", "max_words")
        resolved = self.config.resolved()
        return {name: resolved[name] for name in taken}

    def require_sizes(self, config: Config) -> None:
        """Checks that its weights fit another configuration.

        Raises:
            UserError: a flag asks for another size.
        """
        asked, there = config.resolved(), self.config.resolved()
        # A model of text may give its weights to one that answers labels, which has another output.
        new, old = config.settings, self.config.settings
        above = () if isinstance(new.model, Classifier) == isinstance(old.model, Classifier) else ABOVE
        window = ["window"] if isinstance(old.model, NeuralNgram) and old.model.ngram_inputs == "concat" else []
        sizes = [name for name in (*SIZES, *window) if name not in above]
        for name in sizes:
            given, own = format_flag(asked[name]), format_flag(there[name])
            if given != own:
                raise UserError(f"--{name}={given}: {self.folder.path} has {own}; leave the flag out")
        if isinstance(old.text, Documents) and not isinstance(new.text, Documents):
            raise UserError(
                f"--documents=text: {self.folder.path} was trained on documents (--documents={self.config.documents}) "
                "and writes their ends; leave the flag out, or give files, lines or rows"
            )
        if self.vocabulary.labels and not config.labels:
            raise UserError(
                f"--init_from={self.folder.path}: it knows labels ({', '.join(self.vocabulary.labels)}); say where "
                "those of this text come from, such as --labels=folder"
            )
