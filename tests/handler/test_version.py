"""GET /version, which decides whether Moodle uses the server at all."""

import pytest


def test_is_the_version_alone_as_plain_text_without_a_newline(moodle):
    answer = moodle.version()
    assert answer.status == 200
    assert answer.text == "3.0.5"


def test_needs_no_credentials(make_moodle):
    assert make_moodle(USERS="").version().text == "3.0.5"


@pytest.mark.parametrize("moodle_version", ["4.0", "4.5", "5.0", "5.1", "13.1", "30.0"])
def test_moodle_4_and_5_want_3_0_5_or_more(moodle, moodle_version):
    moodle = moodle.but(agent=f"MoodleBot/{moodle_version} (+https://site.example/moodle)")
    assert moodle.version().text == "3.0.5"


@pytest.mark.parametrize("moodle_version", ["3.8", "3.9", "3.10", "3.11"])
def test_moodle_3_wants_2_6_5_or_more_but_less_than_3(moodle, moodle_version):
    moodle = moodle.but(agent=f"MoodleBot/{moodle_version} (+https://site.example/moodle)")
    assert moodle.version().text == "2.6.6"


@pytest.mark.parametrize("agent", ["curl/8.5.0", "", "NotMoodle/3.9"])
def test_others_get_the_newest(moodle, agent):
    assert moodle.but(agent=agent).version().text == "3.0.5"


def test_a_setting_overrides_it(make_moodle):
    moodle = make_moodle(VERSION="3.1.0")
    assert moodle.version().text == "3.1.0"
    assert moodle.but(agent="MoodleBot/3.9 (+https://site.example)").version().text == "3.1.0"
