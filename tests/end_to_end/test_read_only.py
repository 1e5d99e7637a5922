"""A system without a place to write to, such as a locked-down container."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

MOUNT = """
read_only() { mount --bind "$1" "$2" && mount -o remount,ro,bind "$2"; }
mkdir -p "$1" && read_only "$2" "$1" || exit 77
for folder in /tmp /var/tmp /usr/tmp; do
    [ ! -d $folder ] || read_only $folder $folder || exit 77
    touch $folder/written 2>/dev/null && exit 78
done
cd /proc; shift 2; exec "$@"
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
@pytest.mark.parametrize("words", [["sample", "--chars=30", "--seed=1"], ["evaluate", "--text=-"]])
def test_commands_that_write_nothing_need_no_place_to_write(trained, tmp_path, words):
    command = [sys.executable, "-m", f"char_lstm_tf.{words[0]}", "--model=/mnt", *words[1:]]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", MOUNT, "sh", "/mnt", trained, *command],
        input="The old river runs below a hill.\n",
        capture_output=True,
        text=True,
        timeout=100,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": "/nonexistent",
        },
    )
    if done.returncode == 77:
        pytest.skip("may not mount")
    assert done.returncode == 0, done.stderr
    assert "AutoGraph" not in done.stderr
    assert len(done.stdout) > 30
