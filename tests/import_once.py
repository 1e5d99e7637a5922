"""Imported by the process that `forked` forks commands from."""

from pipelines.tensorflow_import import import_tensorflow

import_tensorflow()
