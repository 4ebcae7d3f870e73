"""The application where Moodle's documentation looks for it: ``FLASK_APP=webapp flask run``.

Also ``gunicorn webapp:app``, and mod_wsgi with ``webapp.wsgi``. Settings come from the environment
(see ``docs/settings.md``).
"""

import logging

from handler.wsgi import app

__all__ = ["app"]

# A line for each request, wherever the server's errors go.
logging.basicConfig(format="%(message)s", level=logging.INFO)
