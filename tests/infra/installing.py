"""The template's own function, asked as CloudFormation asks, and what it meets on the way."""

import datetime
import hashlib
import ipaddress
import json
import ssl
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.aws import installer

BUCKET = "moodle-mlbackend-123456789012-eu-central-1"
CODE = b"PK the program" * 100_000
TAGS = [{"Key": "Project", "Value": "moodle-mlbackend"}]
SETTINGS = {"put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}}}


def certificate(folder):
    """Make a certificate for 127.0.0.1 and return the file that holds it with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    file = folder / "certificate.pem"
    file.write_bytes(
        made.public_bytes(encoding)
        + key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


@contextmanager
def serve_release(folder):
    """Run a server that has the release, and takes answers as CloudFormation does."""
    file = certificate(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/code.zip" else 404)
            self.end_headers()
            self.wfile.write(CODE if self.path == "/code.zip" else b"Not found")

        def do_PUT(self):
            assert not self.headers["Content-Type"]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.answers.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        patch.setattr(urllib.request, "_opener", None)  # it remembers earlier certificates
        yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Requests:
    """Asks as CloudFormation does."""

    def __init__(self, internet):
        self.internet = internet

    def ask(self, request, kind, properties, name=None, **more):
        event = {
            "RequestType": request,
            "ResourceType": f"Custom::{kind}",
            "ResourceProperties": {"ServiceToken": "arn", **properties},
            "ResponseURL": f"{self.internet.url}/answer?signature=x",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": kind,
            **({} if name is None else {"PhysicalResourceId": name}),
            **more,
        }
        installer.handler(event, None)
        answer = self.internet.answers.pop()
        assert (answer["StackId"], answer["RequestId"]) == ("stack", "request")
        assert answer["LogicalResourceId"] == kind
        return answer

    def make(self, kind, **properties):
        answer = self.ask("Create", kind, properties)
        assert answer["Status"] == "SUCCESS", answer
        return answer["PhysicalResourceId"]

    def make_bucket(self):
        return self.make("Bucket", Name=BUCKET, Settings=json.dumps(SETTINGS), Tags=TAGS)

    def code(self, **changes):
        """The properties of the code."""
        return {
            "Bucket": BUCKET,
            "Key": "code/1.zip",
            "Source": f"{self.internet.url}/code.zip",
            "Sha256": hashlib.sha256(CODE).hexdigest(),
            **changes,
        }

    def remove(self, kind, name, **properties):
        answer = self.ask("Delete", kind, properties, name)
        assert answer["Status"] == "SUCCESS", answer

    def failure(self, kind, **properties):
        """Fail to make, and return the sentence; what CloudFormation then removes is no error."""
        answer = self.ask("Create", kind, properties)
        assert answer["Status"] == "FAILED"
        self.remove(kind, answer["PhysicalResourceId"], **properties)
        return answer["Reason"]
