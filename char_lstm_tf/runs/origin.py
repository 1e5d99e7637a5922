"""The run that `--init_from` names, and what a run that starts from it takes over."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from char_lstm_tf.config import Config, ModelConfig
from char_lstm_tf.runs.folder import RunFolder
from pipelines import UserError
from pipelines.options import format_flag
from pipelines.vocabulary import Vocabulary

SIZES = [field.name for field in dataclasses.fields(ModelConfig) if field.name != "dropout"] + ["encoding", "tokens"]


@dataclass(frozen=True)
class Origin:
    """The run that another one starts from."""

    folder: RunFolder
    config: Config
    vocabulary: Vocabulary

    @classmethod
    def find(cls, path: str) -> "Origin":
        """Returns the run in a folder.

        Raises:
            UserError: there is none.
        """
        folder = RunFolder.find(path, flag="init_from")
        return cls(folder, folder.config, Vocabulary.load(folder.vocabulary))

    def defaults(self) -> dict[str, Any]:
        """Returns the flags that a new run takes over unless they are given.

        They are all sizes, the tokens, the target, the window, what a document is, and how text is normalized.
        """
        taken = (*SIZES, "target", "window", "documents", "normalize")
        resolved = self.config.resolved()
        return {name: resolved[name] for name in taken}

    def require_sizes(self, config: Config) -> None:
        """Checks that its weights fit another configuration.

        Raises:
            UserError: a flag asks for another size.
        """
        asked, there = config.resolved(), self.config.resolved()
        # A model of text has no n-grams, and may give its weights to one that answers labels with them.
        sizes = [name for name in SIZES if name != "ngrams" or self.config.target == "label"]
        for name in sizes:
            given, own = format_flag(asked[name]), format_flag(there[name])
            if given != own:
                raise UserError(f"--{name}={given}: {self.folder.path} has {own}; leave the flag out")
        if config.documents == "text" != self.config.documents:
            raise UserError(
                f"--documents=text: {self.folder.path} was trained on documents (--documents={self.config.documents}) "
                "and writes their ends; leave the flag out, or give files, lines or rows"
            )
        if self.vocabulary.labels and not config.labels:
            raise UserError(
                f"--init_from={self.folder.path}: it knows labels ({', '.join(self.vocabulary.labels)}); say where "
                "those of this text come from, such as --labels=folder"
            )
