#!/bin/sh
# Makes or refreshes the virtual environment; does nothing when it is up to date.
# Usage: setup.sh VENV [PYTHON]
set -eu
venv=$1
wanted=${2:-}
cd "$(dirname "$0")/.."

fail() { echo "error: $*" >&2; exit 1; }

# Version managers put commands on the path that only say "not found", so each is asked to run.
version_of() { "$1" -c 'import sys; print(sys.version.split()[0])' 2>/dev/null || true; }
is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
makes_venvs() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python; do
        if is_recent "$candidate" && makes_venvs "$candidate"; then echo "$candidate"; return; fi
    done
}

check_wanted() {
    [ -n "$(version_of "$wanted")" ] || fail "PYTHON=$wanted does not run"
    is_recent "$wanted" || fail "PYTHON=$wanted is $(version_of "$wanted"); 3.11 or newer is needed"
    makes_venvs "$wanted" || fail "PYTHON=$wanted cannot make virtual environments (on Debian: apt install python3-venv)"
}

# What an installation depends on; the folder is part of it because the package is installed in place.
key() { { pwd; version_of "$venv/bin/python"; cat pyproject.toml constraints.txt; } | cksum; }

fresh() {
    [ -f "$venv/.installed" ] && [ "$(cat "$venv/.installed")" = "$(key)" ] || return 1
    [ -z "$wanted" ] || [ "$(version_of "$wanted")" = "$(version_of "$venv/bin/python")" ]
}

if fresh; then exit 0; fi
if [ -n "$wanted" ]; then check_wanted; fi
if ! is_recent "$venv/bin/python" ||
    { [ -n "$wanted" ] && [ "$(version_of "$wanted")" != "$(version_of "$venv/bin/python")" ]; }; then
    python=${wanted:-$(find_python)}
    [ -n "$python" ] || fail "no Python 3.11 or newer with the venv module found; install one or name it: make PYTHON=/path/to/python3.12"
    echo "Making $venv with Python $(version_of "$python")"
    "$python" -m venv --clear "$venv"
fi
rm -f "$venv/.installed"
echo "Installing the versions of constraints.txt into $venv (some minutes the first time)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
# torch by itself first: whichever build is at hand for the pinned version is taken before anything else asks for one.
"$venv/bin/python" -m pip install -qq --constraint constraints.txt torch
"$venv/bin/python" -m pip install -qq --constraint constraints.txt --editable '.[book,dev]'
key >"$venv/.installed"
