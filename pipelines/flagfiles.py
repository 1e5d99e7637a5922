"""Files of flags, one per line, and the recipes among them, which are reached by their name."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines import UserError
from pipelines.files import path_of


def expand(words: Sequence[str], *, recipes: Path | None = None, within: tuple[Path, ...] = ()) -> Iterator[str]:
    """Yields the words of a command line, with the lines of each flagfile in its place.

    absl reads flagfiles too, but in the encoding of the terminal, and ends in a traceback where that doesn't fit.

    Args:
        words: the command line. Of `--flagfile FILE` without `=`, the file is the next word.
        recipes: the folder of the recipes, if the command has some.
        within: the flagfiles that these words stand in.

    Raises:
        UserError: a flagfile can't be read, isn't text, or reads itself.
    """
    left = iter(words)
    for word in left:
        name, equals, value = word.partition("=")
        if name not in ("--flagfile", "-flagfile"):
            yield word
            continue
        value = value if equals else next(left, "")
        named = [path for path in recipes_in(recipes) if path.stem == value] if recipes else []
        path = (named[0] if named else path_of(value)).absolute()  # ./NAME is a file of the same name as a recipe
        if path in within:
            raise UserError(f"--flagfile={path}: reads itself; remove that line")
        try:
            # A byte that isn't UTF-8 may belong to a path, and is given back to the system as it is.
            text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        except OSError as error:
            known = f", or a recipe: {', '.join(each.stem for each in recipes_in(recipes))}" if recipes else ""
            raise UserError(
                f"--flagfile={path}: {error.strerror}; name a file with one flag per line{known}"
            ) from error
        if "\0" in text:
            raise UserError(f"--flagfile={path}: not text in UTF-8; convert it")
        lines = map(str.strip, text.split("\n"))  # not at U+2028, which a prompt may hold
        flags_of_file = [line for line in lines if line and not line.startswith(("#", "//"))]
        yield from expand(flags_of_file, recipes=recipes, within=(*within, path))


def recipes_in(folder: Path) -> list[Path]:
    """Returns the recipes of a folder."""
    return sorted(folder.glob("*.flags"))


def purpose(recipe: Path) -> str:
    """Returns what a recipe says about its purpose.

    Before: `# Purpose: names, one\\n#          per line.`; after: "names, one per line."
    """
    head = re.search(r"^# Purpose: (.*(?:\n#  .*)*)", recipe.read_text(encoding="utf-8"), re.MULTILINE)
    return " ".join(head[1].replace("\n#", " ").split()) if head else ""
