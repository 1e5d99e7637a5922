"""How the functions of this package are compiled."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Returns a decorator like `numba.njit`, which keeps what it compiles on disk if there is a folder for it.

    Numba puts it beside the module, or else into the user's cache. Where it can write neither, as in a container whose
    files are read-only, every process compiles again, which takes ten seconds.
    """

    def compile_function(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError:
            return njit(**options)(function)

    return compile_function
