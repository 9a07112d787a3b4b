#!/usr/bin/env bash
# Build the wheel, install it into an environment of its own, and use it outside the source tree; then with its extras.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
sandbox=""

finish() {
  if [ -n "$sandbox" ]; then
    kill "$sandbox" 2>/dev/null || true
    wait "$sandbox" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

"$python" -m build --quiet --wheel --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
"$python" -m venv "$work/venv"
wheel="$(echo "$work"/dist/*.whl)"
install() { "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
install "$wheel"
cp -r examples/quickstart "$work/project"
rm -rf "$work/project/.reconciler"
cd "$work/project"
unset PYTHONPATH
export PATH="$work/venv/bin:$PATH"
export SANDBOX_GITHUB_TOKEN=t SANDBOX_GITLAB_TOKEN=t SANDBOX_TELEGRAM_TOKEN=424242:AAE-t SANDBOX_STRIPE_TOKEN=t
reconcile --help >/dev/null
reconcile validate
for name in project manifest provider plan; do reconcile schema "$name" | python -m json.tool >/dev/null; done
reconcile plan --no-refresh >plan.txt
grep -q '^Plan: ' plan.txt
test ! -e .reconciler

# What needs an extra names it, and nothing else is missing.
if reconcile sandbox --port 0 2>refused.txt; then
  echo "the sandbox runs without its extra" >&2
  exit 1
fi
grep -q "pip install 'webhook-reconciler\[sandbox\]'" refused.txt

install "$wheel[sandbox]"
mkfifo ready
reconcile sandbox --port 0 2>ready &
sandbox=$!
exec 3<ready
read -r -t 60 line <&3
origin="${line##* }"
python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + "/_sandbox/health", timeout=10)' "$origin"
sed -i.bak "s#http://127.0.0.1:8787#$origin#" reconciler.yaml
reconcile --yes >applied.txt
grep -q '^Applied: ' applied.txt
reconcile plan --detailed-exitcode
echo "wheel: installed and used outside the source tree, without and with its extra"
