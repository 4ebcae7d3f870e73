"""python -m handler: serving, and making users."""

import os
import re
import signal
import socket
import sys

import pytest
from urllib3.exceptions import NewConnectionError

from handler.__main__ import main
from handler.auth.users import VARIABLE, Users


@pytest.fixture
def _interrupted(monkeypatch):
    """Interrupt any server of this process as soon as it serves."""

    def run(server, sockets):
        sockets[0].close()
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("uvicorn.Server.run", run)


@pytest.fixture
def run(_interrupted, capsys, monkeypatch, tmp_path):
    """Run a command in this process; returns its exit status and what it wrote."""
    monkeypatch.setenv("MOODLE_MLBACKEND_PYTHON_DIR", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "default:sshhhh")
    handlers = signal.getsignal(signal.SIGTERM)

    def run(*arguments, **environ):
        for name, value in environ.items():
            monkeypatch.setenv(f"MOODLE_MLBACKEND_PYTHON_{name}", value)
        try:
            status = main(arguments)
        except SystemExit as stop:  # of argparse
            status = stop.code
        return status, *capsys.readouterr()

    yield run
    signal.signal(signal.SIGTERM, handlers)


# help ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("users",), ("users", "add")], ids=" ".join)
def test_help_is_everywhere(run, arguments):
    status, out, _ = run(*arguments, "--help")
    assert status == 0
    assert out.startswith(f"usage: python -m handler {' '.join(arguments)}".rstrip())


def test_the_help_tells_options_and_defaults(run):
    _, out, _ = run("--help")
    for text in ("--host", "127.0.0.1", "--port", "5000", "users", "docs/settings.md"):
        assert text in out


# users --------------------------------------------------------------------------------------------


def test_users_add_prints_an_entry_that_works_in_the_variable(run, make_moodle):
    status, out, _ = run("users", "add", "my-moodle_1")
    assert status == 0
    lines = dict(line.split(":  ") for line in out.splitlines()[:2])
    assert lines["Username for Moodle"] == "my-moodle_1"
    password = lines["Password for Moodle"]
    name, _, entry = out.splitlines()[-1].partition("=")
    assert name == VARIABLE
    assert entry[0] == entry[-1] == "'"  # for a shell: the entry holds a $
    assert Users.parse(entry.strip("'")).check("my-moodle_1", password)
    moodle = make_moodle(USERS=entry.strip("'")).but(user="my-moodle_1", password=password)
    assert moodle.export().status == 503
    assert moodle.but(password="sshhhh").export().status == 401


def test_users_add_prints_the_password_once_and_not_in_the_entry(run):
    _, out, _ = run("users", "add", "moodle")
    (password,) = [line.split()[-1] for line in out.splitlines() if line.startswith("Password for")]
    assert out.count(password) == 1


@pytest.mark.parametrize("name", ["", "my moodle", "moodle:a", "moodle,b", "möodle", "a/b"])
def test_users_add_refuses_a_name_that_moodles_form_refuses(run, name):
    status, out, err = run("users", "add", name)
    assert (status, out) == (2, "")
    assert err == "A username may hold only letters, digits, '_' and '-': Moodle's rule.\n"


@pytest.mark.parametrize("arguments", [("users",), ("users", "add"), ("users", "remove", "a")])
def test_an_incomplete_command_is_refused(run, arguments):
    status, _, err = run(*arguments)
    assert status == 2
    assert "usage: python -m handler users" in err


# what stops the start -----------------------------------------------------------------------------


def test_without_users_it_does_not_start_and_says_how_to_make_one(run):
    status, out, err = run(USERS="")
    assert (status, out) == (2, "")
    assert err.startswith(f"{VARIABLE} is not set, so nobody could sign in")
    assert "'python -m handler users add NAME'" in err


def test_a_user_is_made_on_demand_and_only_the_file_tells_the_password(run, tmp_path):
    file = tmp_path / "new" / "user"
    asked = ("--port", "0", "--make-user", str(file))
    status, out, _ = run(*asked, USERS="")
    assert status == 0
    name, _, password = file.read_text().strip().partition(":")
    assert (name, len(password)) == ("moodle", 32)
    assert file.stat().st_mode & 0o777 == 0o600
    assert str(file) in out
    assert password not in out
    assert re.search(r"plugin takes one line: http://moodle:PASSWORD@127.0.0.1:\d+$", out, re.M)
    assert run(*asked, USERS="")[0] == 0
    assert file.read_text() == f"{name}:{password}\n"


def test_without_the_server_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "handler.server.serving", None)
    status, _, err = run()
    assert status == 2
    assert "pip install 'moodle-mlbackend-lambda[server]'" in err


def test_no_user_is_made_where_there_is_one(run, tmp_path):
    assert run("--port", "0", "--make-user", str(tmp_path / "user"))[0] == 0
    assert not (tmp_path / "user").exists()


@pytest.mark.parametrize(
    ("host", "public", "told"),
    [
        ("0.0.0.0", "", r"http://NAME:PASSWORD@HOST:\d+"),
        ("localhost", "", r"http://NAME:PASSWORD@localhost:\d+"),
        ("127.0.0.1", "https://a.example/ml/", "https://NAME:PASSWORD@a.example/ml"),
    ],
)
def test_the_line_for_the_plugin_is_told(run, host, public, told):
    _, out, _ = run("--port", "0", "--host", host, PUBLIC_URL=public)
    assert re.search(f"takes one line: {told}$", out, re.M)


def test_a_user_that_cannot_be_kept_stops_the_start(run):
    status, _, err = run("--make-user", "/dev/null/user", USERS="")
    assert status == 2
    assert "/dev/null/user, where --make-user keeps a user, can be neither read nor made" in err


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("USERS", "default:sshhhh,broken", "Entry 2 of MOODLE_MLBACKEND_PYTHON_USERS is not"),
        ("MAX_BODY_MB", "many", "MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB must be"),
        ("VERSION", "new", "MOODLE_MLBACKEND_PYTHON_VERSION must be"),
    ],
)
def test_a_malformed_variable_stops_the_start_with_one_sentence(run, variable, value, sentence):
    status, out, err = run(**{variable: value})
    assert (status, out) == (2, "")
    assert err.startswith(sentence)
    assert err.count("\n") == 1


def test_a_port_in_use_is_told(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = run("--port", str(port))
    assert status == 2
    assert err == (
        f"Cannot listen on 127.0.0.1, port {port} (Address already in use): choose others with "
        "--host and --port.\n"
    )


def test_a_host_that_does_not_exist_is_told(run):
    status, _, err = run("--host", "no such host")
    assert status == 2
    assert err.startswith("Cannot listen on no such host, port 5000 (no such host): choose others")


@pytest.mark.parametrize("port", ["65536", "70000", "-1", "http", "٣"])
def test_a_port_that_is_none_is_refused(run, port):
    status, _, err = run("--port", port)
    assert status == 2
    assert "argument --port: must be a number from 0 to 65535" in err


# serving ------------------------------------------------------------------------------------------


def test_it_tells_where_it_serves_and_where_models_are(run, tmp_path):
    status, out, err = run("--port", "0")
    assert (status, err) == (0, "")
    first, _, last = out.splitlines()
    port = first.split(":")[2].split(",")[0]
    assert first == f"Serving Moodle at http://127.0.0.1:{port}, models in {tmp_path}"
    assert int(port) > 0
    assert last == "Stopped."


def test_it_tells_the_bucket(run):
    _, out, _ = run("--port", "0", S3_BUCKET_NAME="my-models")
    assert out.splitlines()[0].endswith(", models in S3 bucket my-models")


def test_it_listens_on_the_host_that_is_named(run):
    _, out, _ = run("--port", "0", "--host", "127.0.0.2")
    assert out.startswith("Serving Moodle at http://127.0.0.2:")


def test_ctrl_c_while_it_starts_ends_it_cleanly(run, monkeypatch):
    def interrupt(settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("handler.server.serving.create_app", interrupt)
    assert run() == (0, "Stopped.\n", "")


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT], ids=lambda by: by.name)
def test_sigterm_and_ctrl_c_end_it_cleanly(running, by):
    if signal.getsignal(by) is signal.SIG_IGN:
        pytest.skip(f"a shell in the background made these tests ignore {by.name}")
    with running() as server:
        assert server.moodle.version().text == "3.0.5"
        status, rest = server.stop(by)
        assert (status, rest.splitlines()[-1]) == (0, "Stopped.")
    log = server.log.read_text()
    assert "Traceback" not in log
    assert log.count("\n") == 1  # of the one request
    with pytest.raises(NewConnectionError):
        server.moodle.version()
