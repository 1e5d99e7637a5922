"""The parts for Keras programs, used as docs/keras.md says."""

import re

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "keras.md").read_text(encoding="utf-8")
EXAMPLES = {
    heading.splitlines()[0]: example
    for heading in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    for example in re.findall(r"^```python\n(.*?)^```", heading, re.DOTALL | re.MULTILINE)
}


@pytest.mark.slow
@pytest.mark.parametrize("heading", EXAMPLES)
def test_every_example_of_the_page_works(heading, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))  # where encoded texts are kept
    exec(compile(EXAMPLES[heading], "docs/keras.md", "exec"), {"__name__": "example"})
