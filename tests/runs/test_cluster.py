import json
import socket
import threading
import time

import pytest
from conftest import free_ports

from char_lstm_tf.runs import cluster
from char_lstm_tf.runs.cluster import Cluster
from pipelines import UserError


def cluster_of(**config):
    return Cluster.from_environment({"TF_CONFIG": json.dumps(config)})


WORKERS = {"worker": ["a:1", "b:2", "[::1]:3"]}


@pytest.mark.parametrize(
    ("config", "addresses", "index"),
    [
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 2}}, ("a:1", "b:2", "[::1]:3"), 2),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": "1"}}, ("a:1", "b:2", "[::1]:3"), 1),
        ({"cluster": WORKERS, "task": {}, "environment": "cloud"}, ("a:1", "b:2", "[::1]:3"), 0),
        ({"cluster": WORKERS | {"chief": ["c:4"]}, "task": {"type": "chief"}}, ("c:4", "a:1", "b:2", "[::1]:3"), 0),
        ({"cluster": WORKERS | {"chief": ["c:4"]}, "task": {"index": 1}}, ("c:4", "a:1", "b:2", "[::1]:3"), 2),
    ],
)
def test_the_chief_comes_first_and_then_the_workers_in_their_order(config, addresses, index):
    cluster = cluster_of(**config)
    assert (cluster.addresses, cluster.index, cluster.chief) == (addresses, index, index == 0)


@pytest.mark.parametrize(
    "config", [{}, {"cluster": {}}, {"cluster": {"worker": ["a:1"]}}, {"task": {"type": "worker"}}]
)
def test_a_process_alone_has_no_cluster(config):
    assert cluster_of(**config) is None
    assert Cluster.from_environment({}) is None
    assert Cluster.from_environment({"TF_CONFIG": " "}) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('{"cluster"', "not what was expected"),
        ("[]", "not what was expected"),
        ('{"cluster": 3}', "not what was expected"),
        ('{"cluster": {"worker": null}}', "not what was expected"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"index": "x"}}', "not what was expected"),
        ('{"cluster": {"worker": ["a:1", "b:2"], "ps": ["c:3"]}}', "tasks of the kind 'ps' aren't supported"),
        ('{"cluster": {"chief": ["a:1", "b:2"]}}', "more than one chief"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"index": 2}}', "no worker with the index 2"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"index": -1}}', "no worker with the index -1"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "evaluator"}}', "no evaluator with the index 0"),
        ('{"cluster": {"worker": ["a", "b:2"]}}', "'a' isn't host:port"),
        ('{"cluster": {"worker": [":1", "b:2"]}}', "':1' isn't host:port"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}}', "names an address twice"),
    ],
)
def test_a_wrong_tf_config_is_refused_in_one_line(given, message):
    with pytest.raises(UserError, match=message) as error:
        Cluster.from_environment({"TF_CONFIG": given})
    assert str(error.value).startswith("TF_CONFIG: ")
    assert "\n" not in str(error.value)


def test_workers_wait_for_each_other_and_say_for_whom(capsys):
    addresses, met = tuple(f"127.0.0.1:{port}" for port in free_ports(3)), []

    def meet(index):
        Cluster(addresses, index).meet()
        # TensorFlow's server takes over the port, while others may still look for it.
        with socket.create_server(("", int(addresses[index].rpartition(":")[2]))):
            met.append(index)
            time.sleep(1.5)

    threads = [threading.Thread(target=meet, args=(index,)) for index in range(3)]
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


def test_a_worker_gives_up_when_the_others_dont_come(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_WAIT", 1)
    own, other = (f"127.0.0.1:{port}" for port in free_ports(2))
    with pytest.raises(UserError, match=rf"worker 1: waited 0 minutes for worker 0 at {other} \(Connection refused\)"):
        Cluster((other, own), 1).meet()


def test_a_port_that_another_process_has_is_refused():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"worker 0 can't listen at port {port} "):
            Cluster((f"127.0.0.1:{port}", "127.0.0.1:1"), 0).meet()
