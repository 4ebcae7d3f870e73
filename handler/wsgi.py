"""The application for servers that want an object, such as Zappa's: ``handler.wsgi.app``."""

from handler.app import create_app

app = create_app()
