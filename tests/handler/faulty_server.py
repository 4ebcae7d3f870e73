"""``python -m handler``, but what is about a model named "fault" fails in a way nobody foresaw.

The errors quote all that the request holds, as errors of libraries quote what they cannot use.
"""

import functools
import sys

from flask import request

from handler.__main__ import main
from handler.store import DirectoryStore


def everything():
    files = {name: file.stream.getvalue() for name, file in request.files.items()}
    return repr((dict(request.headers), request.url, dict(request.form), files))


def failing(work):
    @functools.wraps(work)
    def fail(store, key, *rest, **options):
        if "/fault" not in key:
            return work(store, key, *rest, **options)
        try:
            raise KeyError(everything())
        except KeyError:
            raise ValueError(f"could not convert string to float: {everything()}")  # noqa: B904

    return fail


DirectoryStore.get = failing(DirectoryStore.get)
DirectoryStore.keys = failing(DirectoryStore.keys)
sys.exit(main())
