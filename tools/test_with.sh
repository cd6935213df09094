#!/bin/sh
# Makes a fresh environment with the versions that a list names, and runs the tests in it.
# Usage: test_with.sh lowest|colab|newest VENV [PYTHON [TORCH [PYTEST_ARGUMENT...]]]
#
# lowest: the lower bounds of pyproject.toml; colab: what Colab ships; newest: no list at all.
# TORCH names other releases than the list's, such as "torch==2.13.0 torchvision==0.28.0", where only
# those builds are at hand.
set -eu
what=$1
venv=$2
python=${3:-python3.11}
torch=${4:-}
[ "$#" -lt 4 ] && shift "$#" || shift 4
cd "$(dirname "$0")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1

fail() { echo "error: $*" >&2; exit 1; }
pip() { "$venv/bin/python" -m pip "$@"; }
releases() { if [ -n "$torch" ]; then printf '%s\n' $torch; fi; }

lowest() {
    releases >"$venv/torch.txt"
    pip install -qq uv
    "$venv/bin/uv" pip compile --quiet --no-annotate --no-header --resolution lowest-direct \
        --extra book --extra dev --python "$venv/bin/python" --override "$venv/torch.txt" \
        --output-file "$venv/versions.txt" pyproject.toml
    install
}

# As the notebooks install it: nothing that was there may be replaced.
colab() {
    if [ -n "$torch" ]; then
        grep -v -E '^torch(vision)?==' .github/versions/colab.txt >"$venv/versions.txt"
        releases >>"$venv/versions.txt"
    else
        cp .github/versions/colab.txt "$venv/versions.txt"
    fi
    pip install -qq --requirement "$venv/versions.txt"
    pip freeze | sort >"$venv/before.txt"
    pip install -qq --editable .
    unchanged
    install
    unchanged
}

unchanged() {
    pip freeze | sort >"$venv/after.txt"
    replaced=$(comm -23 "$venv/before.txt" "$venv/after.txt")
    [ -z "$replaced" ] || fail "the installation replaced" $replaced
}

newest() {
    releases >"$venv/versions.txt"
    install
}

# torch by itself first: whichever build is at hand is taken before anything else asks for one.
install() {
    pip install -qq --constraint "$venv/versions.txt" torch
    pip install -qq --constraint "$venv/versions.txt" --editable '.[book,dev]'
}

case $what in lowest | colab | newest) ;; *) fail "unknown list $what: lowest, colab or newest" ;; esac
echo "Making $venv with the versions of: $what (some minutes)"
"$python" -m venv --clear "$venv"
"$what"
"$venv/bin/python" -m ssl_lib.show_versions
exec "$venv/bin/python" -m pytest -n logical --dist loadfile "$@"
