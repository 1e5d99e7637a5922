import json

import pytest

from char_lstm_tf.runs import meeting
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
        ({"cluster": WORKERS, "task": {"index": 0}, "environment": "cloud"}, ("a:1", "b:2", "[::1]:3"), 0),
        ({"cluster": {"worker": [" a:1", "b-c.example.:02\n"]}, "task": {"index": " 1"}}, ("a:1", "b-c.example.:2"), 1),
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


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """What other workers are told."""
    lines = []
    monkeypatch.setattr(meeting, "tell", lambda addresses, error: lines.append((addresses, error)))
    return lines


TWO = {"worker": ["a:1", "b:2"]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('{"cluster"', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "TF_CONFIG must be an object"),
        ('{"cluster": 3}', "cluster must be an object"),
        ('{"cluster": {"worker": ["a:1", "b:2"]}, "task": []}', "task must be an object"),
        ('{"cluster": {"worker": null}}', "cluster.worker must be a list"),
        ('{"cluster": {"worker": "a:1,b:2"}}', "cluster.worker must be a list"),
        ('{"cluster": {"worker": {"0": "a:1", "1": "b:2"}}}', "cluster.worker must be a list"),
        ('{"cluster": {"worker": ["a:1", "b:2"], "ps": ["c:3"]}}', "cluster.ps isn't supported"),
        ('{"cluster": {"worker": ["a:1", "b:2"], "evaluator": ["c:3"]}}', "cluster.evaluator isn't supported"),
        ('{"cluster": {"chief": ["a:1", "b:2"]}}', "cluster.chief names more than one"),
        ('{"cluster": {"worker": ["a:1", "b:2"], "chief": ["b:2"]}}', "has the address b:2 twice"),
        ('{"cluster": {"worker": ["a:1", "a:01"]}}', "has the address a:1 twice"),
    ],
)
def test_a_wrong_cluster_is_refused_in_one_line(given, message):
    with pytest.raises(UserError, match=message) as error:
        Cluster.from_environment({"TF_CONFIG": given})
    assert str(error.value).startswith("TF_CONFIG")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("a", "isn't host:port"),
        (":1", "isn't host:port"),
        ("a:", "isn't host:port"),
        (3, "must be host:port in quotes"),
        ("a:70000", "the port must be a number from 1 to 65535"),
        ("a:99999999999999999999", "the port must be"),
        ("a:0", "the port must be"),
        ("a:-5", "the port must be"),
        ("a:ssh", "the port must be"),
        ("a:\u0661\u0662", "the port must be"),
        ("http://a:1", "leave out what isn't host:port"),
        ("grpc://a:1", "leave out what isn't host:port"),
        ("a:1/", "leave out what isn't host:port"),
        ("a..b:1", "isn't a valid name"),
        (".a:1", "isn't a valid name"),
        ("a b:1", "isn't a valid name"),
        ("-a:1", "isn't a valid name"),
        ("a" * 64 + ":1", "isn't a valid name"),
        ("b\u00fccher:1", "must be in ASCII"),
        ("::1:23451", r"write \[::1:23451\]:port|isn't an IPv6 address|write \[::1\]:port"),
        ("[::g]:1", "isn't an IPv6 address"),
        ("[10.0.0.1]:1", r"write 10.0.0.1:port"),
        ("0.0.0.0:1", "others can't connect"),
        ("[::]:1", "others can't connect"),
    ],
)
def test_a_wrong_address_is_named_with_its_place(address, message):
    config = {"cluster": {"worker": ["a:1", address]}, "task": {"index": 0}}
    with pytest.raises(UserError, match=message) as error:
        cluster_of(**config)
    assert str(error.value).startswith(f"TF_CONFIG: cluster.worker[1]={address!r}")


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({}, "task.index is missing; it says which of the 2 workers this one is"),
        ({"type": "worker"}, "task.index is missing"),
        ({"index": 2}, "task.index=2: cluster.worker has 2, and the first one is 0"),
        ({"index": -1}, "task.index=-1: cluster.worker has 2"),
        ({"index": "7"}, "task.index='7': cluster.worker has 2"),
        ({"index": True}, "task.index=True must be a whole number"),
        ({"index": 0.5}, "task.index=0.5 must be a whole number"),
        ({"index": "x"}, "task.index='x' must be a whole number"),
        ({"index": [0]}, r"task.index=\[0\] must be a whole number"),
        ({"type": "chief", "index": 0}, "task.type='chief', but the cluster has no chief"),
        ({"type": "evaluator", "index": 0}, "task.type='evaluator' isn't supported; it must be chief or worker"),
        ({"type": "ps", "index": 0}, "task.type='ps' isn't supported"),
        ({"type": ["worker"], "index": 0}, "isn't supported"),
    ],
)
def test_a_wrong_task_is_refused_and_the_others_are_told(told, task, message):
    with pytest.raises(UserError, match=message) as error:
        cluster_of(cluster=TWO, task=task)
    assert told == [(("a:1", "b:2"), str(error.value))]
