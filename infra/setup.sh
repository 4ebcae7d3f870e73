#!/bin/sh
# Makes .venv with the locked packages; does nothing when that is done already.
# PYTHON=/path/to/python3 names the interpreter to use.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/setup-stamp # written last, so that an interrupted set-up is done again

say() { echo "setup: $*"; }
fail() {
    say "$*" >&2
    exit 1
}

# Prints the interpreter itself: what we find may be a link, a shim or another virtual environment.
# Exit status 3: it would do if it had ensurepip, which Debian packs apart.
examine='
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.exit("it is Python %d.%d, and 3.11 to 3.14 is needed" % sys.version_info[:2])
try:
    import ctypes, importlib.util, sqlite3, ssl, sysconfig, venv, zlib
except ImportError as error:
    sys.exit("it was built without a part that is needed: %s" % error)
if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit("it is not the usual CPython, for which the packages are made")
print(sys._base_executable)
sys.exit(0 if importlib.util.find_spec("ensurepip") else 3)
'

identity() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.base_prefix)' 2>/dev/null
}

fingerprint() {
    pwd -P # a virtual environment cannot be moved
    identity .venv/bin/python
    cksum infra/setup.sh requirements.txt requirements-dev.txt
}

is_done() {
    [ -f $stamp ] && [ "$(fingerprint 2>/dev/null)" = "$(cat $stamp)" ] || return 1
    [ -z "${PYTHON:-}" ] || [ "$(identity "$PYTHON")" = "$(identity .venv/bin/python)" ]
}

on_path() (
    set -f
    IFS=:
    for folder in $PATH; do
        [ ! -x "$folder/$1" ] || echo "$folder/$1"
    done
)

# 3.13 first, on which the project is developed. Behind a pyenv shim that refuses there may well be
# an interpreter that works, so pyenv's own folder is searched too.
candidates() {
    pyenv=${PYENV_ROOT:-$(pyenv root 2>/dev/null || echo "${HOME:-}/.pyenv")}
    for version in 3.13 3.12 3.14 3.11; do
        on_path "python$version"
        for found in "$pyenv/versions/$version".*/bin/python; do
            echo "$found"
        done
        uv python find --system --no-python-downloads "$version" 2>/dev/null || true
    done
    on_path python3
    on_path python
}

# Sets $python, or else $incomplete, an interpreter that lacks nothing but ensurepip.
find_python() {
    python='' incomplete=''
    while read -r candidate; do
        status=0
        found=$("$candidate" -c "$examine" 2>/dev/null) || status=$?
        case $status in
        0)
            python=$found
            break
            ;;
        3) incomplete=${incomplete:-$found} ;;
        esac
    done <<EOF
${PYTHON:-$(candidates)}
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

find_python
if [ -z "$python" ] && [ -n "$incomplete" ]; then
    packages="python$(identity "$incomplete" | cut -d ' ' -f 1)-venv libgomp1"
    # shellcheck disable=SC2086 # two words
    apt_install $packages ||
        fail "$incomplete cannot make a virtual environment yet: type 'sudo apt-get install $packages', then try again."
    find_python
fi
if [ -z "$python" ] && [ -n "${PYTHON:-}" ]; then
    reason=$("$PYTHON" -c "$examine" 2>&1 | head -n 1)
    fail "PYTHON=$PYTHON cannot be used (${reason:-it does not run}): name another interpreter, or none to let one be found."
fi
if [ -z "$python" ]; then
    fail "No working Python 3.11 to 3.14 was found: install one (on Debian or Ubuntu 'sudo apt-get install python3 python3-venv libgomp1', on a Mac 'brew install python@3.13'), or name yours with 'make setup PYTHON=/path/to/python3'."
fi

say "making .venv with $("$python" --version) ($python)"
rm -rf .venv
"$python" -m venv .venv
say "installing the locked packages, which takes a minute or two the first time"
if ! .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
    --require-hashes --only-binary=:all: -r requirements.txt -r requirements-dev.txt \
    >.venv/pip.log 2>&1; then
    tail -n 3 .venv/pip.log >&2
    fail "The packages could not be installed (all that pip said is in .venv/pip.log): check the connection to the package index, then try again."
fi

load_lightgbm() { problem=$(.venv/bin/python -c 'import lightgbm' 2>&1); }
if ! load_lightgbm; then
    case $problem in
    *libgomp*)
        apt_install libgomp1 ||
            fail "LightGBM needs the system library libgomp.so.1: type 'sudo apt-get install libgomp1' (elsewhere the package may be called libgomp), then try again."
        ;;
    *libomp*) fail "LightGBM needs the system library libomp: type 'brew install libomp', then try again." ;;
    esac
    load_lightgbm || fail "LightGBM does not load: $(echo "$problem" | tail -n 1)"
fi

fingerprint >$stamp
say "ready"
