#!/usr/bin/env bash
# Build the wheel, install it into an environment of its own, and use it outside the source tree.
set -euo pipefail
python="${PYTHON:-python3}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
"$python" -m build --quiet --wheel --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$work"/dist/*.whl
cp -r examples/quickstart "$work/project"
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
echo "wheel: installed and used outside the source tree"
