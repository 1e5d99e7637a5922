import re

from char_lstm_tf.config import Config
from char_lstm_tf.page import packing, page


def test_each_cell_has_a_step_in_the_page():
    script = (page.WEB / "model.js").read_text(encoding="utf-8")
    (steps,) = re.findall(r"^const CELLS = \{\n(.*?)^\};", script, re.DOTALL | re.MULTILINE)
    cells = set(Config.__dataclass_fields__["cell"].metadata["choices"])
    assert set(re.findall(r"^  (\w+)\(", steps, re.MULTILINE)) == cells == {name for name, _ in packing.KINDS.values()}
