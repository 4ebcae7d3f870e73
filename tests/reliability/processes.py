"""Servers in processes of their own, which ask themselves what they are told to ask.

Each process has an application of its own and shares nothing with others but the store.
"""

import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager
from multiprocessing.connection import wait

from botocore.httpsession import URLLib3Session

from handler.app import create_app
from handler.errors import AdminError
from handler.store import StoreError
from tests.handler.conftest import moodle_of
from tests.reliability.models import MODEL

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.reliability.preload"])


def ask(app, endpoint, *arguments):
    """Ask an application, and return status and body of its answer."""
    if endpoint == "roll_back":
        return _roll_back(app)
    answer = getattr(moodle_of(app).but(uniqueid=MODEL.uniqueid, dirhash=MODEL.dirhash), endpoint)(
        *arguments
    )
    return answer.status, answer.body


def _roll_back(app):
    models = app.config["MODELS"]
    try:
        manifest = models.manifest(MODEL)
        models.roll_back(MODEL, manifest.current.name if manifest and manifest.current else "")
    except (AdminError, StoreError) as error:
        return error.status, str(error).encode()
    return 200, b"Ok"


def at_once(environ, scripts):
    """Run scripts at the same time, each in a process, and return their answers.

    Parameters
    ----------
    environ : dict
        By which each process finds the store.
    scripts : list of list of tuple
        For each process what to ask, as ``("training", data)``.

    Returns
    -------
    list of list of (int, bytes)
    """
    with _started(_run, [(environ, script) for script in scripts]) as connections:
        for connection in connections:
            assert connection.recv() == "ready"
        for connection in connections:
            connection.send("go")
        return [connection.recv() for connection in connections]


def _run(connection, environ, script):
    os.environ.update(environ)
    app = create_app()
    app.config["MODELS"].classifier(MODEL)  # connects
    connection.send("ready")
    connection.recv()
    connection.send([ask(app, *call) for call in script])


def killed_at(environ, moments, call, install):
    """Do the same work in several processes, each of which kills itself at another moment.

    Parameters
    ----------
    environ : list of dict
        By which each process finds its store.
    moments : list of int
    call : tuple
        What to ask, as ``("training", data)``.
    install : callable
        Takes a function to call at each moment that counts.

    Returns
    -------
    list of bool
        Whether each was killed; else its work had ended before the moment.
    """
    arguments = [(one, moment, call, install) for one, moment in zip(environ, moments, strict=True)]
    with _started(_run_to_death, arguments) as connections:
        ends = []
        for connection in connections:
            try:
                connection.recv()
            except EOFError:
                ends.append(True)
            else:
                ends.append(False)
        return ends


def _run_to_death(connection, environ, moment, call, install):
    os.environ.update(environ)
    app = create_app()
    left = iter(range(moment))

    def reach():
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    install(reach)
    answer = ask(app, *call)
    reach()
    connection.send(answer)


def before_calls_of_s3(reach):
    """Let a process reach a moment before each call of S3, which is also the one after another."""
    send = URLLib3Session.send

    def reach_and_send(session, request):
        reach()
        return send(session, request)

    URLLib3Session.send = reach_and_send


def at_changes_of_files(reach):
    """Let a process reach a moment before each file or folder is made, renamed or removed."""

    def hook(event, arguments):
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir"):
            reach()

    sys.addaudithook(hook)


@contextmanager
def _started(work, arguments):
    """Start processes, and give a connection to each; all have ended afterwards."""
    processes, connections = [], []
    try:
        for given in arguments:
            ours, theirs = _context.Pipe()
            process = _context.Process(target=work, args=(theirs, *given), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            connections.append(ours)
        yield connections
        wait([process.sentinel for process in processes], timeout=600)
    finally:
        for process in processes:
            process.join(timeout=600)
            process.kill()
            process.join()
            process.close()
        for connection in connections:
            connection.close()
