#!/bin/sh
# Trains on several machines that have this project in the same folder:
#   examples/workers/over_ssh.sh "alpha beta gamma" --text=book.txt --name=book --resume
# The first machine is the chief: it shows the progress and keeps the run in its saved_models.
# A host may have a port of its own, as in alpha:2222. FOLDER, PYTHON, PORT and SSH have defaults.
set -eu
hosts=$1; shift
folder=${FOLDER:-$PWD} python=${PYTHON:-.venv/bin/python} port=${PORT:-12345} ssh=${SSH:-ssh}

quoted() { for word; do printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"; done; }

addresses=$(for host in $hosts; do case $host in *:*) printf '"%s",' "$host" ;; *) printf '"%s:%s",' "$host" "$port" ;; esac; done)
index=0 chief=
for host in $hosts; do
    config="{\"cluster\": {\"worker\": [${addresses%,}]}, \"task\": {\"type\": \"worker\", \"index\": $index}}"
    command="cd $(quoted "$folder") && TF_CONFIG=$(quoted "$config") exec $python -m char_lstm_tf.train $(quoted "$@")"
    $ssh "${host%%:*}" "$command" &
    chief=${chief:-$!} index=$((index + 1))
done
status=0
wait "$chief" || status=$?
wait
exit $status
