"""The HTTP server of one's own, for all but AWS Lambda and other WSGI servers."""
