# Finds interpreters: for other shell scripts, with '. infra/find_python.sh'. By itself it prints an
# interpreter of a version, if there is one: 'sh infra/find_python.sh 3.13'.

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

on_path() (
    set -f
    IFS=:
    for folder in $PATH; do
        [ ! -x "$folder/$1" ] || echo "$folder/$1"
    done
)

# candidates VERSION...: prints what may be an interpreter of these versions. Behind a pyenv shim that
# refuses there may well be one that works, so pyenv's own folder is searched too.
candidates() {
    pyenv=${PYENV_ROOT:-$(pyenv root 2>/dev/null || echo "${HOME:-}/.pyenv")}
    for version in "$@"; do
        on_path "python$version"
        for found in "$pyenv/versions/$version".*/bin/python; do
            echo "$found"
        done
        uv python find --system --no-python-downloads "$version" 2>/dev/null || true
    done
}

# Reads candidates. Sets $python, or else $incomplete, an interpreter that lacks nothing but ensurepip.
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
    done
}

if [ "${0##*/}" = find_python.sh ]; then
    find_python <<EOF
$(candidates "$1")
EOF
    echo "${python:-$incomplete}"
fi
