"""The plugin's own tests, on web pages and on the command line, which differ in patience."""

import pytest


@pytest.mark.parametrize(
    ("name", "cli"),
    [("WebTest.php", "0"), ("CliTest.php", "1"), ("ConnectionTest.php", "0")],
)
def test_php(phpunit, name, cli):
    done = phpunit(name, CLI_SCRIPT=cli)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nOK (" in done.stdout, "no test was run, or one was skipped"
