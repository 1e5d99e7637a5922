import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from conftest import ROOT, free_ports

from char_lstm_tf.runs import meeting
from char_lstm_tf.runs.meeting import Meeting, tell
from pipelines import UserError

SECONDS = 60  # after which something hangs


@pytest.fixture
def addresses():
    return [f"127.0.0.1:{port}" for port in free_ports(3)]


@pytest.fixture
def patience(monkeypatch):
    monkeypatch.setattr(meeting, "SECONDS_TO_TELL", 1)
    monkeypatch.setattr(meeting, "SECONDS_TO_NAME", 1)
    monkeypatch.setattr(meeting, "SECONDS_TO_LEAVE", 1)


def meet(*workers):
    """Returns what each worker ends with, given the addresses that it knows and its index: "" or its error."""
    found = [None] * len(workers)

    def one(place, addresses, index):
        try:
            Meeting(addresses, index).hold()
            found[place] = ""
        except UserError as error:
            found[place] = str(error)

    threads = [threading.Thread(target=one, args=(place, *worker)) for place, worker in enumerate(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return found


def test_workers_wait_for_each_other_and_say_for_whom(capsys, addresses):
    met = []

    def one(index):
        Meeting(addresses, index).hold()
        # TensorFlow's server takes over the port at once.
        with socket.create_server(("", int(addresses[index].rpartition(":")[2]))):
            met.append(index)
            time.sleep(1)

    threads = [threading.Thread(target=one, args=(index,)) for index in range(3)]
    for thread in threads[:2]:
        thread.start()
    time.sleep(1.5)
    assert not met
    threads[2].start()
    for thread in threads:
        thread.join(20)
    assert sorted(met) == [0, 1, 2]
    said = capsys.readouterr().err
    assert f"worker 1 of 3 at {addresses[1]}" in said
    assert f"worker 0: waiting for worker 2 at {addresses[2]} (Connection refused)" in said
    assert "worker 2: all 3 are there" in said


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_workers_meet_at_addresses_of_both_kinds():
    one, two, three = free_ports(3)
    addresses = [f"[::1]:{one}", f"localhost:{two}", f"127.0.0.1:{three}"]
    assert meet(*((addresses, index) for index in range(3))) == ["", "", ""]


def test_a_worker_that_is_started_again_meets_the_others(addresses):
    program = "import sys; from char_lstm_tf.runs.meeting import Meeting; Meeting(sys.argv[1:], 1).hold()"
    first = subprocess.Popen([sys.executable, "-c", program, *addresses], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    results = []
    waiting = threading.Thread(target=lambda: results.extend(meet((addresses, 0))))
    waiting.start()
    first.stderr.readline()
    time.sleep(1)  # both have called each other
    first.send_signal(signal.SIGKILL)
    first.communicate()
    results += meet((addresses, 1), (addresses, 2))
    waiting.join(SECONDS)
    assert results == ["", "", ""]


def test_a_worker_gives_up_when_the_others_dont_come(monkeypatch, patience, addresses):
    monkeypatch.setattr(meeting, "SECONDS_TO_WAIT", 1)
    (error,) = meet((addresses[:2], 1))
    assert error.startswith(f"worker 1: waited 0 minutes for worker 0 at {addresses[0]} (Connection refused)")


def test_other_lists_of_addresses_end_all_workers(patience, addresses):
    first, second, third = addresses
    found = meet((addresses[:2], 0), (addresses, 1), (addresses, 2))
    assert all("TF_CONFIG: cluster: worker 0 has 2 workers and worker" in error for error in found), found
    assert all("has 3; all need the same list" in error for error in found)
    found = meet((addresses, 0), (addresses, 1), ([second, first, third], 2))
    assert all(f"is at {first} for worker" in error and f"and at {second} for worker 2" in error for error in found)


def test_one_process_at_two_addresses_is_noticed(patience, addresses):
    addresses[1] = addresses[0].replace("127.0.0.1", "localhost")
    (error,) = meet((addresses, 0))
    assert error.startswith(f"TF_CONFIG: cluster says that worker 1 is at {addresses[1]}, but worker 0 answers there")


def test_a_port_that_another_process_has_ends_all_workers(patience, addresses):
    port = int(addresses[2].rpartition(":")[2])
    with socket.create_server(("", port)):
        found = meet(*((addresses, index) for index in range(3)))
    assert all(f"TF_CONFIG: worker 2 can't listen at port {port} (Address already in use)" in error for error in found)


def test_a_name_that_nobody_knows_ends_all_workers(patience, addresses):
    addresses[2] = "nowhere.invalid:1234"
    found = meet((addresses, 0), (addresses, 1))
    assert all("worker 2 at nowhere.invalid:1234: the name isn't known here" in error for error in found), found
    assert all(error.startswith("TF_CONFIG: cluster: ") for error in found)


def test_a_stranger_at_an_address_ends_the_wait(patience, addresses):
    def answer(server):
        with suppress(OSError):  # until it is closed
            while True:
                with server.accept()[0] as connection:
                    connection.sendall(b"HTTP/1.0 400\r\n\r\n")

    with socket.create_server(("", int(addresses[1].rpartition(":")[2]))) as stranger:
        stranger.settimeout(3)
        answering = threading.Thread(target=answer, args=(stranger,))
        answering.start()
        (error,) = meet((addresses[:2], 0))
        answering.join(SECONDS)
    assert "what listens there is no worker that waits for the others" in error


def test_who_waits_hears_why_another_worker_cannot_come(patience, addresses):
    teller = threading.Timer(0.5, tell, (addresses, "TF_CONFIG: task.index=9: no"))
    teller.start()
    assert meet((addresses, 0), (addresses, 1)) == ["TF_CONFIG: task.index=9: no"] * 2


def test_what_isnt_a_worker_changes_nothing(addresses):
    def call(line):
        with socket.create_connection(("127.0.0.1", int(addresses[0].rpartition(":")[2])), 5) as connection:
            connection.sendall(line)

    results = []
    waiting = threading.Thread(target=lambda: results.extend(meet((addresses[:2], 0))))
    waiting.start()
    time.sleep(0.5)
    for line in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe\n", b"3\n", b"{}\n", b'{"index": 1}\n'):
        call(line)
    assert meet((addresses[:2], 1)) == [""]
    waiting.join(SECONDS)
    assert results == [""]


@pytest.mark.slow
def test_the_command_ends_with_status_1_in_one_line_on_every_worker(tmp_path, addresses):
    """Before TensorFlow is imported."""
    (tmp_path / "a.txt").write_text("abc")
    processes = []
    for index in (0, 1, 3):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        words = [sys.executable, "-m", "char_lstm_tf.train", "--text=a.txt", "--name=x"]
        environment = os.environ | {"TF_CONFIG": json.dumps(config), "PYTHONPATH": str(ROOT)}
        processes.append(subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True))
    for process in processes:
        *_, last = process.communicate(timeout=SECONDS)[1].splitlines()
        assert process.returncode == 1
        assert last.endswith("TF_CONFIG: task.index=3: cluster.worker has 3, and the first one is 0")
