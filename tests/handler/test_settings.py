"""Settings from the environment, and their documentation."""

import ast
import re
from pathlib import Path

import pytest

from handler import app, settings, store
from handler.errors import SettingsError
from handler.settings import Settings

PROJECT = Path(__file__).parents[2]
DOCUMENT = (PROJECT / "docs" / "settings.md").read_text()
PREFIX = "MOODLE_MLBACKEND_PYTHON_"


def documented():
    """The variables that have a row in a table."""
    return set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", DOCUMENT, re.MULTILINE))


class Asked(dict):
    """An environment that remembers which variables were asked for."""

    def __init__(self, *args):
        super().__init__(*args)
        self.names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)


def test_an_empty_environment_gives_the_defaults(monkeypatch):
    monkeypatch.setenv("HOME", "/home/moodle")
    given = Settings.from_environ({})
    assert not given.users
    assert (given.bucket, given.prefix, given.version) == ("", "", "")
    assert given.directory == Path("/home/moodle/.local/share/moodle-mlbackend")
    assert given.max_body_bytes == 256 << 20


def test_all_can_be_set():
    values = {
        "USERS": "a:b",
        "S3_BUCKET_NAME": "my-models",
        "S3_PREFIX": "moodle/",
        "DIR": "/srv/models",
        "VERSION": "3.2.1",
        "MAX_BODY_MB": "10",
        "REPORT_DAYS": "7",
        "PUBLIC_URL": "https://a.example/ml/",
    }
    given = Settings.from_environ({PREFIX + name: value for name, value in values.items()})
    assert given.users.check("a", "b")
    assert (given.bucket, given.prefix, given.version) == ("my-models", "moodle/", "3.2.1")
    assert given.directory == Path("/srv/models")
    assert given.max_body_bytes == 10 << 20
    assert given.report_days == 7
    assert given.public_url == "https://a.example/ml"


def test_on_lambda_the_memory_is_the_functions():
    on_lambda = Settings.from_environ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"})
    assert on_lambda.memory_bytes == 1769 << 20
    assert Settings.from_environ({}).memory_bytes > 0


def test_an_empty_variable_counts_as_not_set():
    empty = Settings.from_environ(dict.fromkeys(settings.VARIABLES, ""))
    unset = Settings.from_environ({})
    assert empty.directory == unset.directory
    assert empty.max_body_bytes == unset.max_body_bytes
    assert not empty.users


def test_they_are_frozen():
    with pytest.raises(AttributeError):
        Settings.from_environ({}).version = "4.0.0"


def test_without_an_environment_the_processs_own_is_read(monkeypatch):
    monkeypatch.setenv(settings.VERSION, "3.9.9")
    assert Settings.from_environ().version == "3.9.9"


def test_the_users_data_directory_is_respected():
    given = Settings.from_environ({"XDG_DATA_HOME": "/data"})
    assert given.directory == Path("/data/moodle-mlbackend")


def test_a_user_without_a_home_directory_needs_a_directory_or_a_bucket(monkeypatch):
    def unknown(uid):
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(SettingsError, match=f"^{settings.DIRECTORY} must be set: the user"):
        Settings.from_environ({})
    assert Settings.from_environ({settings.BUCKET: "my-models"}).bucket
    assert Settings.from_environ({settings.DIRECTORY: "/srv"}).directory == Path("/srv")


DAYS = ("-1", "31", "1.5", "²", "all")


WRONG_URL = (
    "must be an address like https://analytics.example.org or https://example.org/analytics."
)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MAX_BODY_MB", "0", "must be a whole number of megabytes, 1 to 9999."),
        ("MAX_BODY_MB", "-1", "must be a whole number of megabytes, 1 to 9999."),
        ("MAX_BODY_MB", "4.5", "must be a whole number of megabytes, 1 to 9999."),
        ("MAX_BODY_MB", "10000", "must be a whole number of megabytes, 1 to 9999."),
        ("MAX_BODY_MB", "ten", "must be a whole number of megabytes, 1 to 9999."),
        ("MAX_DATASET_MB", "0", "must be a whole number of megabytes, 1 to 9999."),
        *(("REPORT_DAYS", days, "must be a whole number of days, 0 to 30.") for days in DAYS),
        *(("PUBLIC_URL", url, WRONG_URL) for url in ("a.example", "ftp://a", "https://a b", "//a")),
        ("VERSION", "3", "must be three numbers with dots between, like 3.0.5."),
        ("VERSION", "3.0.5\n", "must be three numbers with dots between, like 3.0.5."),
        ("VERSION", "3.0.5-dev", "must be three numbers with dots between, like 3.0.5."),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_the_variables_name(name, value, sentence):
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({PREFIX + name: value})
    assert str(raised.value) == f"{PREFIX}{name} {sentence}"


@pytest.mark.parametrize("name", settings.VARIABLES)
@pytest.mark.parametrize("garbage", ["no such thing?", "s3://a b", "\udcff", "äöü"])
def test_garbage_in_any_variable_is_refused_by_its_name(name, garbage):
    with pytest.raises(SettingsError, match=name):
        Settings.from_environ({name: garbage})


def test_the_bucket_decides_which_store_it_is(make_settings):
    assert isinstance(app.open_store(make_settings()), store.DirectoryStore)
    in_s3 = app.open_store(make_settings(S3_BUCKET_NAME="my-models"))
    assert isinstance(in_s3, store.S3Store)


def test_the_prefix_is_the_folder_in_the_bucket(make_moodle, bucket, course):
    make_moodle(S3_BUCKET_NAME=bucket, S3_PREFIX="/some/where/").train(course.labelled(12))
    keys = store.S3Store(bucket).keys()
    assert keys
    assert all(key.startswith("some/where/models/default/") for key in keys)


# docs/settings.md ---------------------------------------------------------------------------------


def test_every_variable_is_documented():
    asked = Asked()
    Settings.from_environ(asked)
    assert documented() >= set(settings.VARIABLES) | asked.names


def test_every_documented_variable_exists():
    """Those of AWS and of the system exist elsewhere."""
    ours = {name for name in documented() if name.startswith("MOODLE")}
    assert ours == set(settings.VARIABLES)
    assert set(re.findall(r"MOODLE_\w+", DOCUMENT)) <= set(settings.VARIABLES)


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
    ],
)
def test_what_boto3_needs_is_documented(name):
    assert name in documented()


def test_the_documented_defaults_are_the_real_ones():
    (size,) = re.findall(rf"\| `{settings.MAX_BODY_MB}` \| (\d+) \|", DOCUMENT)
    assert int(size) << 20 == Settings.from_environ({}).max_body_bytes


def test_the_environment_is_read_in_one_place_only():
    readers = {
        path.name
        for path in (PROJECT / "handler").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert readers == {"settings.py"}
