#!/bin/sh
# Trains on the nodes of a SLURM allocation, one worker a node:
#   sbatch --nodes=4 --ntasks-per-node=1 examples/workers/on_slurm.sh --text=book.txt --name=book --resume
# TensorFlow's resolver reads the variables that SLURM sets in each task.
set -eu
export PYTHON=${PYTHON:-.venv/bin/python} PORT=${PORT:-12345}
if [ -z "${SLURM_STEP_ID:-}" ]; then exec srun "$0" "$@"; fi
TF_CONFIG=$("$PYTHON" - <<'END'
import json, os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf

port = int(os.environ["PORT"])
# It would ask nvidia-smi for the number of GPUs. That number only limits the tasks of a node; a worker uses what it sees.
gpus = {"gpus_per_node": 1024, "gpus_per_task": 1, "auto_set_gpu": False}
slurm = tf.distribute.cluster_resolver.SlurmClusterResolver(port_base=port, **gpus)
cluster = slurm.cluster_spec().as_dict()
kind, index = slurm.get_task_info()
print(json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}}))
END
)
export TF_CONFIG
exec "$PYTHON" -m char_lstm_tf.train "$@"
