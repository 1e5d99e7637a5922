"""Lists the commands: `python -m char_lstm_tf`."""

import ast
import sys
from pathlib import Path

COMMANDS = (
    "train",
    "sample",
    "evaluate",
    "classify",
    "vectors",
    "visualize",
    "search",
    "runs",
    "plot_gradients",
    "serving",
)


def main() -> None:
    """Prints the commands, each with the first line of its help."""
    print("python -m char_lstm_tf.COMMAND --help explains a command:\n")
    for name in COMMANDS:
        place = Path(__file__).with_name(name)
        source = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
        help_text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
        print(f"  {name:<16}{help_text.splitlines()[0]}")
    if sys.argv[1:]:
        sys.exit(f"python -m char_lstm_tf: {sys.argv[1]!r} isn't read; write python -m char_lstm_tf.train --help")


if __name__ == "__main__":
    main()
