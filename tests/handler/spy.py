"""A store to watch and to disturb."""


class Spy:
    """A store that remembers what it was asked, and lets a test step in before."""

    def __init__(self, store):
        self._store = store
        self.calls = []
        self.before = lambda name, key: None

    def __getattr__(self, name):
        def call(key="", *rest, **options):
            self.calls.append((name, key))
            self.before(name, key)
            return getattr(self._store, name)(key, *rest, **options)

        return call

    def step_in(self, when, work):
        """Do some work before the first call of a method whose key ends so."""
        name, end = when

        def before(called, key):
            if called == name and isinstance(key, str) and key.endswith(end):
                self.before = lambda name, key: None
                work()

        self.before = before
