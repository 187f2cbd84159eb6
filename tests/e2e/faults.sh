#!/bin/bash
# faults.sh - launchers that fail, signals, a store older than its journal: what the user is told.
. "$(dirname "$0")/common.sh"
cd "$W" || exit 1
run() { timeout 100 "$SHOAL" run "$SWEEPS/tiny.yaml" --progress none "$@"; }
live() { # store: waits until its run has begun
    for _ in $(seq 100); do
        grep -qs '"started"' "$1.d/journal" && return
        sleep 0.1
    done
    fail "no run in $1 after 10 s"
}
begin() { # words...: a run that takes long, in the background; sets job
    "$SHOAL" run "$SWEEPS/slow.yaml" --progress none "$@" >/dev/null 2>"$W/err" &
    job=$!
}
ends() { # status, description: how job ends
    wait $job
    got=$?
    [ $got = "$1" ] || fail "$2: status $got instead of $1: $(tail -n 2 "$W/err")"
}

status_is 3 "launcher that starts nothing" run -o a.h5 --launcher true
grep -q "before the run did" "$W/err" || fail "nothing said of a launcher that starts nothing"
status_is 3 "launcher that fails" run -o a.h5 --launcher false
status_is 3 "no launcher" run -o a.h5 --launcher nowhere

begin -o usr1.h5 --np 2
live usr1.h5
kill -USR1 $job
ends 75 "SIGUSR1 to the front end"
status_is 75 "status after a drain" "$SHOAL" status usr1.h5 --exit-code

(trap '' HUP; exec "$SHOAL" run "$SWEEPS/tiny.yaml" -o nohup.h5 --np 2 --progress none >/dev/null 2>"$W/err") &
job=$!
live nohup.h5
kill -HUP $job
ends 0 "SIGHUP under nohup"

finish
