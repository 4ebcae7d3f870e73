"""For Apache's mod_wsgi: ``WSGIScriptAlias / /srv/moodle-mlbackend/webapp.wsgi``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from webapp import app as application  # noqa: E402, F401
