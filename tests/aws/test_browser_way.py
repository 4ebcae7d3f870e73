"""The complete template, as CloudFormation would carry it out, with the packaged zip.

What moto's CloudFormation lacks is done here: texts are resolved, and the template's own function
is asked for what it makes. The function that comes out runs under AWS's runtime client.
"""

import json
import re
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from moto.core import DEFAULT_ACCOUNT_ID

from infra.aws import installer
from infra.aws.browser_template import Release, browser_template
from infra.local.client import Moodle, over_http
from infra.local.gateway.events import FUNCTION_URL, HTTP_API
from infra.local.gateway.listener import Pool, serving
from infra.local.gateway.runtime import Function, Instance, fetch_client
from infra.package import build
from infra.release.archive import digest, repack
from tests.aws.conftest import REGION
from tests.conftest import AWS, serve_forever

RELEASES = "releases-of-others"
KINDS = ("Models", "Code", "User")  # in the order of what they refer to


@dataclass
class Stack:
    """What CloudFormation knows of a stack.

    Parameters
    ----------
    template : dict
    parameters : dict of str to str
    names : dict of str to str
        What references lead to.
    """

    template: dict
    parameters: dict
    names: dict = field(default_factory=dict)

    def value(self, it):
        """Resolve a part of the template."""
        if isinstance(it, list):
            return [self.value(item) for item in it]
        if not isinstance(it, dict):
            return it
        if len(it) == 1:
            ((function, argument),) = it.items()
            if function == "Ref":
                return self.name(argument)
            if function.startswith("Fn::"):
                return getattr(self, function[4:].lower())(argument)
        return {name: self.value(item) for name, item in it.items()}

    def name(self, name):
        if name in self.parameters:
            return self.parameters[name]
        if name in self.template["Parameters"]:
            return str(self.template["Parameters"][name]["Default"])
        return {
            "AWS::AccountId": DEFAULT_ACCOUNT_ID,
            "AWS::Region": REGION,
            "AWS::URLSuffix": "amazonaws.com",
            **self.names,
        }[name]

    def sub(self, text):
        return re.sub(r"\$\{([^}]+)\}", lambda found: self.name(found[1]), text)

    def join(self, argument):
        separator, parts = argument
        return separator.join(map(self.value, parts))

    def findinmap(self, argument):
        name, first, second = map(self.value, argument)
        return self.template["Mappings"][name][first][second]

    def getatt(self, argument):
        return ":".join(argument)

    def properties(self, name):
        found = self.value(self.template["Resources"][name]["Properties"])
        if name == "Models":  # moto knows no conditions, and would refuse whoever has no TLS: us
            calls = json.loads(found["Settings"])
            del calls["put_bucket_policy"]
            found["Settings"] = json.dumps(calls)
        return found


@pytest.fixture(scope="module")
def answers():
    """What the installer answers, and where."""
    received = []

    def take(environ, start_response):
        received.append(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
        start_response("200 OK", [])
        return [b""]

    with serve_forever(take) as url:
        yield url, received


@pytest.fixture(scope="module")
def ask(answers, environment):
    """Ask the installer for a resource, as CloudFormation does."""
    url, received = answers

    def ask(stack, request, name, **more):
        event = {
            "RequestType": request,
            "ResourceType": stack.template["Resources"][name]["Type"],
            "ResourceProperties": stack.properties(name),
            "ResponseURL": url,
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": name,
            **more,
        }
        with pytest.MonkeyPatch.context() as patch:
            for variable in (*AWS, "AWS_ENDPOINT_URL"):
                patch.setenv(variable, environment[variable])
            installer.handler(event, None)
        answer = received.pop()
        assert answer["Status"] == "SUCCESS", answer
        return answer["PhysicalResourceId"]

    return ask


@pytest.fixture(scope="module")
def release(deployed, client, tmp_path_factory):
    """A release whose zip lies in a bucket, as an admin may put it there."""
    made = Release("1.2.3", f"s3://{RELEASES}", {"x86_64": "", "arm64": "0" * 64})
    file = tmp_path_factory.mktemp("release") / made.file("x86_64")
    repack(build.Folders("x86_64").zip, file, frozenset({"package_info.json"}))
    s3 = client("s3")
    s3.create_bucket(Bucket=RELEASES)
    s3.upload_file(str(file), RELEASES, file.name)
    yield Release("1.2.3", made.address, {**made.digests, "x86_64": digest(file)})
    s3.delete_object(Bucket=RELEASES, Key=file.name)
    s3.delete_bucket(Bucket=RELEASES)


@pytest.fixture(scope="module")
def stack(release, ask):
    stack = Stack(browser_template(release), {"UserName": "school"}, {"HttpApi": "abcdef"})
    for name in KINDS:
        stack.names[name] = ask(stack, "Create", name)
    return stack


@pytest.fixture(scope="module")
def function(stack, client, environment, tmp_path_factory):
    """The function that the template describes, with the code that it names."""
    properties = stack.properties("Function")
    place = properties["Code"]
    stored = client("s3").get_object(Bucket=place["S3Bucket"], Key=place["S3Key"])
    code = tmp_path_factory.mktemp("function")
    with zipfile.ZipFile(BytesIO(stored["Body"].read())) as package:
        package.extractall(code)
    to_moto = {name: environment[name] for name in ("AWS_ENDPOINT_URL", *AWS)}
    return Function(
        code,
        fetch_client(build.Folders("x86_64")),
        properties["Environment"]["Variables"] | to_moto,
        properties["Handler"],
        properties["Timeout"],
    )


@pytest.mark.parametrize("gateway", [HTTP_API, FUNCTION_URL], ids=["http-api", "function-url"])
def test_what_the_outputs_say_leads_to_a_working_server(
    stack, function, client, course, gateway, tmp_path
):
    outputs = {
        name: stack.value(it["Value"])
        for name, it in stack.template["Outputs"].items()
        if "Condition" not in it
    }
    link = urlsplit(outputs["Password"])
    parameter = link.path.split("/")[3]
    password = client("ssm").get_parameter(Name=parameter, WithDecryption=True)
    with (tmp_path / "log").open("ab") as log:
        instance = Instance(function, log)
        try:
            with serving(Pool([instance]), gateway, "127.0.0.1", 0) as port:
                moodle = Moodle(
                    over_http(f"http://127.0.0.1:{port}"),
                    outputs["Username"],
                    password["Parameter"]["Value"],
                    prefix=gateway.prefix,
                )
                answer = moodle.train(course.labelled(40)).prediction(course.unlabelled(3)).json
        finally:
            instance.stop()
    assert answer["status"] == 0
    assert len(answer["predictions"]) == 3


def test_deleting_the_stack_keeps_models_and_other_users(stack, function, client, ask, names):
    for name in reversed(KINDS):
        ask(stack, "Delete", name, PhysicalResourceId=stack.names[name])
    keys = [item["Key"] for item in client("s3").list_objects_v2(Bucket=names.models)["Contents"]]
    assert not [key for key in keys if key.startswith("code/")]
    assert [key for key in keys if key.startswith("models/school/")]
    users = client("s3").get_object(Bucket=names.models, Key="config/users")["Body"].read()
    assert b"school:" not in users
