"""Put ``python -m handler`` under load, on this machine and for a limited time.

Each client is a Moodle site with a user and a model of its own; every fifth one shares them with
the client before. They mostly predict, sometimes train, evaluate, export and import, without a
pause, and know what every answer must be. The models are in S3, as moto plays it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from handler import settings
from handler.app import open_store
from handler.auth import users
from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.settings import Settings
from infra.lab.bench import process
from infra.lab.load import s3, storm
from infra.lab.load.figures import Figures, Trend
from infra.lab.load.site import UNIQUEID, Site
from infra.local import server
from infra.local.client import Moodle, over_http

_PROGRESS = 10  # seconds
_LONG = 60  # seconds; less is too short to judge the memory
_SHOWN = 10  # errors
_REST = 1.0  # seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the clients, print what they met, and return 1 where that is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m infra.lab.load", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long (%(default)s)")
    parser.add_argument("--clients", type=int, default=16, help="how many (%(default)s)")
    parser.add_argument(
        "--directory", action="store_true", help="keep the models in a directory instead of S3"
    )
    parser.add_argument(
        "--storm",
        action="store_true",
        help="kill the server at random moments and start it again, with a hostile client beside; "
        "clients rest between requests, and repeat what failed in passing, as the plugin does",
    )
    options = parser.parse_args(arguments)
    figures = Figures()
    names = [*(f"site-{i}" for i in range(options.clients)), storm.USER]
    entries, passwords = zip(*map(users.make_entry, names), strict=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = {settings.DIRECTORY: str(folder / "models")}
        if not options.directory:
            store |= stack.enter_context(s3.running())
        environ = {**store, users.VARIABLE: ",".join(entries)}
        pid = None
        if options.storm:
            port = stack.enter_context(storm.killed(folder, environ, figures.event))
            stack.enter_context(storm.attacked(port, passwords[-1], figures.event))
            exchange = storm.patient(over_http(f"http://127.0.0.1:{port}"), figures.event)
        else:
            started = stack.enter_context(server.running(folder, environ=environ))
            exchange, pid = started.exchange, started.process.pid
        sites: list[Site] = []
        for i, (name, password) in enumerate(zip(names[:-1], passwords[:-1], strict=True)):
            client = Moodle(exchange, name, password, UNIQUEID)
            sites.append(sites[-1] if i % 5 == 4 else Site(i, client, figures.request))
        memory = _work(sites, figures, options.seconds, pid)
        os.environ |= store
        _check_what_was_learned(set(sites), figures)
    return _report(figures, memory, options.seconds)


def _work(sites: Sequence[Site], figures: Figures, seconds: int, pid: int | None) -> list[int]:
    """Let a client of each site work, and return the server's memory, second by second.

    Where there is no `pid`, as there are many servers, clients rest between their requests and the
    memory is not looked at.

    The time begins when each has done everything once, so that nothing is imported any more.
    """

    def work(site: Site) -> None:
        while time.monotonic() < began + seconds:
            site.act()
            if pid is None:
                time.sleep(_REST)

    for client in _start(sites, figures, Site.warm_up):
        client.join()
    print(f"Warm after {figures.n_requests:,} requests, {len(figures.errors)} errors.", flush=True)
    figures.forget_requests()
    memory = []
    busy = pid and process.processor_seconds(pid)
    began = time.monotonic()
    clients = _start(sites, figures, work)
    for second in range(1, seconds + 1):
        time.sleep(max(0.0, began + second - time.monotonic()))
        memory.append((pid and process.memory(pid)) or 0)
        if second % _PROGRESS == 0:
            print(
                f"{second:4} s {figures.n_requests:7,} requests {len(figures.errors):3} errors "
                f"{memory[-1] / process.MB:5.0f} MB",
                flush=True,
            )
    for client in clients:
        client.join()
    if pid and busy is not None:
        busy = (process.processor_seconds(pid) or 0) - busy
        print(f"The server kept a processor busy for {busy:.0f} s")
    return memory


def _start(
    sites: Sequence[Site], figures: Figures, work: Callable[[Site], None]
) -> list[threading.Thread]:
    """Let each client do some work, which ends with its first error."""

    def client(site: Site) -> None:
        try:
            work(site)
        except Exception as error:  # whatever it is, it must not be
            figures.error(f"{site.username}: {type(error).__name__}: {error}")

    clients = [threading.Thread(target=client, args=[site]) for site in sites]
    for thread in clients:
        thread.start()
    return clients


def _check_what_was_learned(sites: Iterable[Site], figures: Figures) -> None:
    """See that no training was lost, also where two clients trained a model at once."""
    models = Models(open_store(Settings.from_environ()))
    for site in sites:
        for dirhash, learned in site.learned.items():
            manifest = models.manifest(ModelId(site.username, UNIQUEID, dirhash))
            kept = manifest.current.n_samples if manifest and manifest.current else 0
            if kept != learned:
                figures.error(f"{site.username}: {learned} samples were learned, {kept} are kept")


def _report(figures: Figures, memory: Sequence[int], seconds: int) -> int:
    print("\n".join(figures.table()))
    print(f"{figures.n_requests:,} requests, {figures.n_requests / seconds:.1f} a second")
    for event, count in sorted(figures.events.items()):
        print(f"{count:6} {event}")
    for error in figures.errors[:_SHOWN]:
        print(error)
    print(f"Errors and answers that were not the client's own: {len(figures.errors)}")
    failed = bool(figures.errors)
    if not all(memory):
        print("The server's memory is not judged: it was restarted, or this system does not tell.")
    elif seconds < _LONG:
        print(f"The server's memory is not judged in less than {_LONG} seconds.")
    else:
        trend = Trend.of(memory)
        print(trend)
        failed |= not trend.is_flat
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
