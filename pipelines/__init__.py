"""Text in, batches out. Nothing here imports `char_lstm_tf`."""


class UserError(ValueError):
    """A mistake of the user. The message is one line with the flag or file, its value and the remedy.

    Commands print it and exit with `status`. Any other exception is a bug, and shows its stack trace.
    """

    status = 1

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles it whatever arguments a subclass takes: a pool of processes waits for ever if one can't be read."""
        return _error_of, (type(self), self.args, vars(self))


def _error_of(kind: type[UserError], words: tuple[object, ...], attributes: dict[str, object]) -> UserError:
    error = kind.__new__(kind, *words)
    vars(error).update(attributes)
    return error
