"""Sign-in: HTTP Basic authorization on every endpoint but /version."""

import pytest
from werkzeug.security import generate_password_hash

METHODS = {
    "training": "POST",
    "prediction": "POST",
    "evaluation": "POST",
    "evaluationlog": "GET",
    "export": "GET",
    "import": "POST",
    "deletemodel": "POST",
}


@pytest.mark.parametrize("endpoint", METHODS)
def test_wrong_credentials_are_401_and_a_sentence(moodle, endpoint):
    for stranger in (moodle.but(password="wrong"), moodle.but(user="nobody")):
        answer = stranger.send(METHODS[endpoint], f"/{endpoint}")
        assert answer.status == 401
        assert answer.sentence.startswith("The username or the password is wrong: correct them")


@pytest.mark.parametrize("endpoint", METHODS)
def test_missing_credentials_are_401_and_a_sentence(moodle, endpoint):
    answer = moodle.exchange(METHODS[endpoint], f"/{endpoint}", {}, b"")
    assert answer.status == 401
    assert answer.sentence.startswith("The request has no username and password: enter them")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !", "Basic ZGVmYXVsdA==", "Basic Og==", "Basic /////w==", "Bearer sshhhh"],
    ids=["empty", "no value", "no base64", "no colon", "no name", "no UTF-8", "another kind"],
)
def test_credentials_that_cannot_be_read_are_missing(moodle, authorization):
    answer = moodle.exchange("GET", "/export", {"Authorization": authorization}, b"")
    assert answer.status == 401
    assert answer.sentence


@pytest.mark.parametrize("user", ["default", "nobody"])
@pytest.mark.parametrize("password", ["", "x" * 10_000, "pässwörd", "a:b", "a\0b"])
def test_odd_passwords_are_wrong_ones(moodle, user, password):
    assert moodle.but(user=user, password=password).export().status == 401


def test_without_users_the_server_says_how_to_make_one(make_moodle):
    """No default password, ever."""
    answer = make_moodle(USERS="").export()
    assert answer.status == 401
    assert "python -m handler users add NAME" in answer.sentence
    assert "MOODLE_MLBACKEND_PYTHON_USERS" in answer.sentence


def test_each_request_signs_in_for_itself(moodle, client):
    """Not even a cookie is left of an earlier one."""
    assert moodle.export().status == 503
    assert client.get("/export?uniqueid=u&dirhash=d").status_code == 401
    assert "Set-Cookie" not in moodle.export().headers


def test_nobody_signs_in_with_the_hash_itself(make_moodle):
    entry = "sha256:salt:" + "0" * 64
    assert make_moodle(USERS=f"default:{entry}").but(password=entry).export().status == 401


def test_guesses_are_refused_with_a_sentence(make_moodle):
    entry = generate_password_hash("sshhhh", method="scrypt:1024:8:1")
    moodle = make_moodle(USERS=f"default:{entry}")
    guesses = [moodle.but(password=f"wrong{i}").export() for i in range(50)]
    assert [guess.status for guess in guesses] == [401] * 10 + [429] * 40
    assert guesses[-1].sentence.startswith("Too many wrong passwords were tried on this server")
    assert guesses[-1].headers["Retry-After"] == "60"
