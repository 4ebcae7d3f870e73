"""Going back to the code before today's, unless models are too new for it."""

import zipfile

import pytest

from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.store.s3 import S3Store
from infra.aws import errors, function, releases, smoke, template, up, users
from infra.aws.policies import function_access
from infra.aws.resources import bucket_arn
from infra.lab.course import Course
from mlcore import read_labelled
from tests.infra.iam import allows


@pytest.fixture
def bring_up(account, tools, monkeypatch):
    monkeypatch.setattr(smoke, "run", lambda account: None)

    def bring_up(previous=False, dry_run=False):
        return up.run(account, None, tools, dry_run, previous=previous)

    return bring_up


@pytest.fixture
def deploy(bring_up, zappa):
    """Deploys code of this name."""

    def deploy(code):
        zappa.code = code
        bring_up()

    return deploy


@pytest.fixture
def runs(account, names):
    """Returns the code that the function has."""

    def runs():
        found = account.client("lambda").get_function(FunctionName=names.function)
        return found["Configuration"]["CodeSha256"]

    return runs


def test_previous_goes_back_and_leaves_all_else(bring_up, deploy, runs, account, zappa, capsys):
    deploy("old")
    old = runs()
    users.add(account, "second")
    deploy("new")
    new = runs()
    before = function.addresses(account), function.configuration(account)["Environment"]
    zappa.commands.clear()
    capsys.readouterr()
    assert bring_up(previous=True) == 0
    assert (runs(), old == new) == (old, False)
    assert (function.addresses(account), function.configuration(account)["Environment"]) == before
    assert users.names(account) == ["moodle", "second"]
    assert zappa.commands == []
    assert "deployed when it was old" in capsys.readouterr().out
    bring_up(previous=True)
    assert runs() == new


def test_the_same_code_once_more_is_not_the_code_before(bring_up, deploy, runs):
    deploy("old")
    old = runs()
    deploy("new")
    deploy("new")
    bring_up(previous=True)
    assert runs() == old


def test_the_function_is_told_what_the_older_code_needs(account, deploy, bring_up, zappa, names):
    zappa.runtime = "python3.12"
    deploy("old")
    zappa.runtime = "python3.13"
    deploy("new")
    assert function.configuration(account)["Runtime"] == "python3.13"
    bring_up(previous=True)
    assert function.configuration(account)["Runtime"] == "python3.12"


def test_a_dry_run_changes_nothing(bring_up, deploy, runs, capsys):
    deploy("old")
    deploy("new")
    new = runs()
    capsys.readouterr()
    bring_up(previous=True, dry_run=True)
    assert (
        "1. Give the function moodle-mlbackend-production the code that was deployed when it was "
        "old, which reads all models that are stored; all else stays\n"
        "2. Test each address" in capsys.readouterr().out
    )
    assert runs() == new


def test_there_may_be_nothing_to_go_back_to(bring_up, deploy):
    with pytest.raises(errors.NotDeployed):
        bring_up(previous=True)
    deploy("only")
    with pytest.raises(errors.NothingBefore):
        bring_up(previous=True)


@pytest.fixture
def train(account, names):
    """Trains a model in the bucket."""

    def train():
        data = Course(noise=0.2).labelled(12)
        model = ModelId("moodle", "students at risk", "execution")
        Models(S3Store(names.models)).learn(model, "digest", lambda: read_labelled(data))

    return train


@pytest.mark.parametrize("kind", ["manifest", "classifier", "examples"])
def test_models_that_the_older_code_cannot_read_are_named(
    bring_up, deploy, train, runs, monkeypatch, kind
):
    today = releases.formats()
    with monkeypatch.context() as back_then:
        back_then.setattr(releases, "formats", lambda: today | {kind: today[kind] - 1})
        deploy("old")
    deploy("new")
    bring_up(previous=True)
    deploy("new")
    new = runs()
    train()
    with pytest.raises(
        errors.ModelsTooNew,
        match=r"\(deployed when it was old\).* of: students at risk of moodle\.",
    ):
        bring_up(previous=True)
    assert runs() == new


def test_what_cannot_be_read_at_all_is_in_nobodys_way(bring_up, deploy, train, account, names):
    deploy("old")
    deploy("new")
    train()
    for name in ("model.json", "runs/1/classifier.npz", "runs/1/examples.npz", "requests/1.json"):
        key = f"models/moodle/damaged/execution/{name}"
        account.client("s3").put_object(Bucket=names.models, Key=key, Body=b"no model")
    assert bring_up(previous=True) == 0


def test_what_is_kept_outlives_uploads_and_is_out_of_the_functions_reach(names):
    bucket = template.template(names)["Resources"]["Uploads"]["Properties"]
    rule = bucket["LifecycleConfiguration"]["Rules"][0]
    for key in (releases.CURRENT, releases.PREVIOUS):
        assert not key.startswith(rule["Prefix"])
        for action in ("s3:GetObject", "s3:PutObject"):
            assert not allows(function_access(names), action, bucket_arn(names.uploads, key))
    assert "moodle-mlbackend-production-1.zip".startswith(rule["Prefix"])


def test_a_packages_content_is_its_files_whoever_built_it(tmp_path):
    def package(name, code, builder):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("package_info.json", builder)
            archive.writestr("handler/aws.py", code)
        return releases.content(path)

    one = package("1.zip", "a = 1", "me")
    assert one == package("2.zip", "a = 1", "you")
    assert one != package("3.zip", "a = 2", "me")
