#!/usr/bin/env bash
# The main job, end to end, against stand-ins of the providers on loopback. Every command is printed before it runs.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
work="$(mktemp -d)"
started=()

finish() {
  for process in "${started[@]}"; do
    kill "$process" 2>/dev/null || true
  done
  for process in "${started[@]}"; do
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT

say() { printf '\n# %s\n' "$*"; }
run() {
  printf '$ %s\n' "$*"
  "$@"
}
start() {
  printf '$ %s &\n' "$*"
  "$@" &
  started+=("$!")
}
until_open() {
  python - "$1" <<'PY'
import socket, sys, time
deadline = time.monotonic() + 20
while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        break
    except OSError:
        if time.monotonic() > deadline:
            sys.exit(f"nothing listens on port {sys.argv[1]}")
        time.sleep(0.1)
PY
}

# The demo edits its files, so it works on a copy.
mkdir "$work/examples"
cp -r "$root/examples/quickstart" "$work/examples/quickstart"
rm -rf "$work/examples/quickstart/.reconciler"
cd "$work"

# The usual ports, or free ones where somebody has those.
read -r port forward < <(python - <<'PY'
import socket
def free(wanted):
    for port in (wanted, 0):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return listener.getsockname()[1]
print(free(8787), free(8788))
PY
)
sed -i.bak "s/127.0.0.1:8787/127.0.0.1:$port/" examples/quickstart/reconciler.yaml
rm examples/quickstart/reconciler.yaml.bak

say "Stand-ins of GitHub, GitLab, Stripe and Telegram; deliveries are forwarded to a receiver of ours."
export SANDBOX_GITHUB_TOKEN=ghp_demo SANDBOX_GITLAB_TOKEN=glpat-demo
export SANDBOX_TELEGRAM_TOKEN=424242:AAE-demo SANDBOX_STRIPE_TOKEN=sk_test_demo
start reconcile sandbox --port "$port" --forward-to "http://127.0.0.1:$forward"
until_open "$port"

say "What would change? Nothing is written, no store is made."
run reconcile -C examples/quickstart --dry-run

say "Make it so."
run reconcile -C examples/quickstart --yes

say "Again: in sync."
run reconcile -C examples/quickstart --dry-run

say "Edit an event (pull_request becomes push) and drop a trigger (the Telegram bot's)."
run sed -i.bak 's/pull_request\]/push]/' examples/quickstart/webhooks/triage.yaml
run rm examples/quickstart/webhooks/triage.yaml.bak examples/quickstart/webhooks/support.yaml

say "The plan with its differences; exit code 2 says that changes are pending."
run reconcile plan -C examples/quickstart --detailed-exitcode || test "$?" -eq 2

say "Apply, and look again."
run reconcile -C examples/quickstart --yes
run reconcile -C examples/quickstart --dry-run

say "A receiver, and a signed delivery from the GitHub stand-in to every webhook that subscribes to pushes."
start python examples/quickstart/receiver.py "$forward"
until_open "$forward"
run reconcile sandbox fire github push --url "http://127.0.0.1:$port"

say "A forged delivery is refused."
url="$(reconcile show -C examples/quickstart github/repo/acme/api@acme-github --format json 2>/dev/null |
  python -c 'import json, sys; print(json.load(sys.stdin)["url"])')"
run python examples/quickstart/forge.py "http://127.0.0.1:$forward${url#https://hooks.example.com}"

trap - EXIT
finish
say "Done. Everything that was started is stopped again."
