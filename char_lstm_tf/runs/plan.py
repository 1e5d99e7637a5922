"""The given flags → a run: its configuration, its folder, and the run it starts from."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from char_lstm_tf.config import OUTCOME, Config, ModelConfig, OutputConfig, settings
from char_lstm_tf.runs.cluster import Cluster
from char_lstm_tf.runs.folder import RunFolder, runs_in
from char_lstm_tf.runs.trained import TrainedRun
from pipelines import UserError
from pipelines.options import format_flag

_TRAINED = ("dropout", "sampled_softmax")  # flags of the model that change how it is trained, and not its weights
SIZES = [*(each.name for each in dataclasses.fields(ModelConfig) if each.name not in _TRAINED), "encoding", "tokens"]
OF_SOME = ("pieces_and_pairs", "linear", "tie")  # sizes of some kinds, see `Model.sizes`


class Origin(TrainedRun):
    """The run that another one starts from."""

    def defaults(self) -> dict[str, Any]:
        """Returns the flags that a new run takes over unless they are given.

        They are the sizes, the tokens, the target, the window, what a document is, and how text is normalized.
        """
        taken = (*SIZES, "sampled_softmax", "target", "window", "documents", "normalize", "max_words")
        resolved = self.config.resolved()
        return {name: resolved[name] for name in taken}

    def require_sizes(self, config: Config) -> None:
        """Checks that its weights fit another configuration. Raises UserError if a flag asks for another size."""
        asked, there = config.resolved(), self.config.resolved()
        new, old = config.settings, self.config.settings
        # A language model may give its weights to a classifier, which has another output.
        both = [name for name in old.model.sizes if name in new.model.sizes]
        for name in (*(name for name in SIZES if name not in OF_SOME), *both):
            given, own = format_flag(asked[name]), format_flag(there[name])
            if given != own:
                raise UserError(f"--{name}={given}: {self.folder.path} has {own}; leave the flag out")
        if not new.text.can_continue(old.text):
            raise UserError(
                f"--documents=text: {self.folder.path} was trained on documents (--documents={self.config.documents}) "
                "and writes their ends; leave the flag out, or give files, lines or rows"
            )
        if self.vocabulary.labels and not config.labels:
            raise UserError(
                f"--init_from={self.folder.path}: it knows labels ({', '.join(self.vocabulary.labels)}); say where "
                "those of this text come from, such as --labels=folder"
            )


class Teacher(TrainedRun):
    """A run whose predictions another one learns."""

    def require_fits(self, config: Config) -> None:
        """Raises UserError unless it reads and predicts what the network of a configuration does."""
        self.require(settings.Recurrent, "a teacher must be a network that reads text token by token", flag="teacher")
        asked, there = config.resolved(), self.config.resolved()
        for name in ("target", "encoding"):
            if asked[name] != there[name]:
                raise UserError(
                    f"--teacher={self.folder.path}: has --{name}={there[name]}, and this run has "
                    f"--{name}={asked[name]}; both must have the same"
                )


@dataclass(frozen=True)
class Plan:
    """A run that is about to start or to resume, perhaps from the weights of another one, and perhaps in a cluster.

    Nothing has been written yet.
    """

    config: Config
    folder: RunFolder
    origin: Origin | None
    cluster: Cluster | None = None
    teachers: tuple[Teacher, ...] = ()


def plan_run(**given: Any) -> Plan:
    """Returns the plan of a run.

    A resumed run has the flags of its flags.txt. Those that don't change the outcome can be changed. A run with
    `init_from` takes the sizes of that run. Only the chief of several workers needs the folder. Flags that aren't given
    have their defaults.

    Raises:
        UserError: flags contradict each other, the resumed run or the run to start from, or the folder is in use.
    """
    if given.get("text") == () and not (given.get("books") or given.get("tfds")):  # --text= takes back a flagfile's
        raise UserError("--text=: names no file; name one, or leave the flag out to train on Python's reference")
    names = [field.name for field in dataclasses.fields(OutputConfig)]
    output = OutputConfig(**{name: value for name, value in given.items() if name in names})
    cluster = Cluster.from_environment()
    writes = cluster is None or cluster.chief
    folder = RunFolder.reserve(output) if writes else RunFolder.named(output)
    if output.resume and folder.started:
        config = _resumed(folder.config, given)
        return Plan(config, folder, _origin_of_resumed(config, folder), cluster, _teachers(config, folder))
    if output.resume and not OUTCOME & set(given):
        known = runs_in(folder.path.parent)
        remedy = "to start one, give its flags, such as --text=book.txt"
        raise UserError(f"--name={output.name}: no run of this name to resume; {known}; {remedy}")
    if not given.get("init_from"):
        config = Config(**given)
        return Plan(config, folder, None, cluster, _teachers(config, folder))
    origin = Origin.open(given["init_from"], flag="init_from")
    _require_another(origin, folder, "init_from")
    config = Config.with_defaults(origin.defaults(), **given)
    origin.require_sizes(config)
    return Plan(config, folder, origin, cluster, _teachers(config, folder))


def outcome_of(config: Config) -> dict[str, str]:
    """Returns the flags that change the outcome of a run. The text is left out: files may lie elsewhere."""
    return {name: format_flag(value) for name, value in config.resolved().items() if name in OUTCOME - {"text"}}


def _teachers(config: Config, folder: RunFolder) -> tuple[Teacher, ...]:
    """Returns the runs that a run learns from. Raises UserError if they don't fit it."""
    teachers = tuple(Teacher.open(path, flag="teacher") for path in config.teachers)
    for teacher in teachers:
        _require_another(teacher, folder, "teacher")
        teacher.require_fits(config)
    return teachers


def _require_another(run: TrainedRun, folder: RunFolder, flag: str) -> None:
    """Raises UserError if the run that a flag names is in the folder of the new one."""
    if run.folder.path.resolve() == folder.path.resolve():
        raise UserError(f"--{flag}={run.folder.path}: the new run would replace it; choose another --name")


def _origin_of_resumed(config: Config, folder: RunFolder) -> Origin | None:
    """Returns the run that a resumed one started from. It may be gone once there is a checkpoint."""
    if not config.init_from:
        return None
    try:
        return Origin.open(config.init_from, flag="init_from")
    except UserError:
        if not folder.newest_progress():
            raise
        return None


def _resumed(saved: Config, given: dict[str, Any]) -> Config:
    """Returns the configuration that a run started with, with the changes that are given."""
    changes = {}
    for field in dataclasses.fields(Config):
        if field.name not in given:
            continue
        value, before = format_flag(given[field.name]), format_flag(getattr(saved, field.name))
        # Files may have moved. That they are the same is checked by their hashes.
        if value != before and field.name in OUTCOME - {"text"}:
            raise UserError(
                f"--{field.name}={value}: the run to --resume started with {before}; leave the flag out, or start "
                "another run with it"
            )
        changes[field.name] = given[field.name]
    return dataclasses.replace(saved, **changes)
