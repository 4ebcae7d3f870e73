#!/bin/sh
# Makes .venv with the locked packages; does nothing when that is done already. With the word
# "deploy" only those that a deployment to AWS needs.
# PYTHON=/path/to/python3 names the interpreter to use.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/setup-stamp # written last, so that an interrupted set-up is done again
all='requirements.txt requirements-dev.txt'
case ${1:-} in
deploy) files=requirements-deploy.txt target=setup-deploy ;;
*) files=$all target=setup ;;
esac

say() { echo "setup: $*"; }
fail() {
    say "$*" >&2
    exit 1
}

. infra/find_python.sh

identity() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.base_prefix)' 2>/dev/null
}

# fingerprint FILE...
fingerprint() {
    pwd -P # a virtual environment cannot be moved
    identity .venv/bin/python
    cksum infra/setup.sh infra/find_python.sh "$@"
}

# has FILE...: whether .venv holds what these lock
# shellcheck disable=SC2086 # words of their own, here and below
has() { [ -f $stamp ] && [ "$(fingerprint "$@" 2>/dev/null)" = "$(cat $stamp)" ]; }

is_done() {
    has $files || has $all || return 1 # all packages do for a deployment, too
    [ -z "${PYTHON:-}" ] || [ "$(identity "$PYTHON")" = "$(identity .venv/bin/python)" ]
}

# 3.13 first, on which the project is developed.
choose_python() {
    find_python <<EOF
${PYTHON:-$(candidates 3.13 3.12 3.14 3.11; on_path python3; on_path python)}
EOF
}

apt_install() {
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" = 0 ]; then
        root=
    elif sudo -n true 2>/dev/null; then
        root=sudo
    else
        return 1
    fi
    say "installing the system packages $*"
    log=$($root apt-get update -qq 2>&1 && $root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" 2>&1) || {
        echo "$log" >&2
        return 1
    }
}

if is_done; then
    say "ready, nothing to do"
    exit
fi

choose_python
if [ -z "$python" ] && [ -n "$incomplete" ]; then
    packages="python$(identity "$incomplete" | cut -d ' ' -f 1)-venv libgomp1"
    # shellcheck disable=SC2086 # two words
    apt_install $packages ||
        fail "$incomplete cannot make a virtual environment yet: type 'sudo apt-get install $packages', then try again."
    choose_python
fi
if [ -z "$python" ] && [ -n "${PYTHON:-}" ]; then
    reason=$("$PYTHON" -c "$examine" 2>&1 | head -n 1)
    fail "PYTHON=$PYTHON cannot be used (${reason:-it does not run}): name another interpreter, or none to let one be found."
fi
if [ -z "$python" ]; then
    fail "No working Python 3.11 to 3.14 was found: install one (on Debian or Ubuntu 'sudo apt-get install python3 python3-venv libgomp1', on a Mac 'brew install python@3.13', in AWS's CloudShell 'sudo dnf install python3.13'), or name yours with 'make $target PYTHON=/path/to/python3'."
fi

say "making .venv with $("$python" --version) ($python)"
rm -rf .venv
"$python" -m venv .venv
say "installing the locked packages, which takes a minute or two the first time"
if ! .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
    --require-hashes --no-deps --only-binary=:all: $(printf ' -r %s' $files) \
    >.venv/pip.log 2>&1; then
    tail -n 3 .venv/pip.log >&2
    fail "The packages could not be installed (all that pip said is in .venv/pip.log): check the connection to the package index, then try again."
fi

load_lightgbm() { problem=$(.venv/bin/python -c 'import lightgbm' 2>&1); }
if [ "$files" = "$all" ] && ! load_lightgbm; then
    case $problem in
    *libgomp*)
        apt_install libgomp1 ||
            fail "LightGBM needs the system library libgomp.so.1: type 'sudo apt-get install libgomp1' (elsewhere the package may be called libgomp), then try again."
        ;;
    *libomp*) fail "LightGBM needs the system library libomp: type 'brew install libomp', then try again." ;;
    esac
    load_lightgbm || fail "LightGBM does not load: $(echo "$problem" | tail -n 1)"
fi

fingerprint $files >$stamp
say "ready"
