#!/bin/sh
# The demonstration of `make run`: a real job in a real sandbox, and what stopped it where it went too far.
# Usage: run.sh DIRECTORY-WITH-THE-PROGRAMS
set -eu
programs=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /var/tmp/sandboxd-demo-XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/workspace"
cp "$here/sales.csv" "$here/report.py" "$work/workspace"

say() { printf '\n== %s\n' "$1"; }

say "sandboxctl exec --policy python --workspace DIR -- python3 report.py"
"$programs/sandboxctl" exec --policy python --workspace "$work/workspace" --report "$work/report.json" \
    -- python3 report.py

say "the result file, written through an id-mapped mount: on disk it is the caller's"
ls -ln "$work/workspace/result.json" | cut -d' ' -f1,3,4,9- | sed "s|$work|DIR|"
cat "$work/workspace/result.json"

say "why it was stopped: the policy explains each attempt, without running anything"
explain() { "$programs/sandboxctl" policy explain --policy python "$@" || [ $? = 1 ]; }
explain --path /etc/shadow
explain --connect example.com:443
explain --write --path /usr/local/bin/tool

say "what a rule of the policy refuses early: sandboxctl exec --policy python -- curl https://example.com"
status=0
"$programs/sandboxctl" exec --policy python --report "$work/denied.json" -- curl https://example.com || status=$?
echo "exit status $status"

say "usage, and the denials of both runs, as --report has them"
python3 - "$work/report.json" "$work/denied.json" <<'PYTHON'
import json, sys
run, denied = (json.load(open(path)) for path in sys.argv[1:])
print(json.dumps({"outcome": run["outcome"], "usage": run["usage"]}, indent=2))
print(json.dumps({"outcome": denied["outcome"], "denials": denied["denials"]}, indent=2))
assert run["outcome"]["reason"] == "exited" and run["outcome"]["code"] == 0, run
assert denied["outcome"]["reason"] == "denied", denied
PYTHON
[ "$status" = 126 ]
