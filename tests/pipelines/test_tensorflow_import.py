import io
import threading

from tqdm import tqdm

from pipelines import tensorflow_import


def test_a_progress_bar_is_no_thread_whose_output_is_to_be_seen(monkeypatch):
    own = threading.current_thread()
    with tqdm(total=1, file=io.StringIO()) as bar:
        monkeypatch.setattr(threading, "enumerate", lambda: [own, bar.monitor])
        assert not tensorflow_import._others_run()
    monkeypatch.setattr(threading, "enumerate", lambda: [own, threading.Thread()])
    assert tensorflow_import._others_run()
