"""At run time the server talks to nobody but S3."""

import socket

MODULE = "tests.handler.offline_server"


def use(moodle, course):
    """Ask all that Moodle asks."""
    assert moodle.version().status == 200
    labelled, unlabelled = course.labelled(60), course.unlabelled(3)  # enough for all learners
    predictions = moodle.train(labelled).prediction(unlabelled).json["predictions"]
    runid = moodle.evaluation(labelled).json["runid"]
    assert moodle.evaluationlog(runid).files
    assert moodle.evaluation(labelled, trained=moodle.dirhash).json["runid"] > runid
    copy = moodle.but(uniqueid="copy")
    assert copy.import_(moodle.export().body).text == "Ok"
    assert copy.prediction(unlabelled).json["predictions"] == predictions
    copy.train(course.labelled(60))
    assert moodle.deletemodel().text == "Ok"


def test_with_a_directory_it_talks_to_nobody(running, course):
    with running(module=MODULE) as server:
        use(server.moodle, course)
        assert "reached out" not in server.log.read_text()


def test_with_a_bucket_it_talks_to_s3_only(running, course, remote_bucket):
    with running(module=MODULE, **remote_bucket | {"AWS_EC2_METADATA_DISABLED": "false"}) as server:
        use(server.moodle, course)
        assert "reached out" not in server.log.read_text()


def test_reaching_out_would_be_seen(running, course, remote_bucket):
    """Here for another S3 than the one that is allowed."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"http://localhost:{other.getsockname()[1]}"
        environ = {**remote_bucket, "AWS_ENDPOINT_URL": address}
        with running(module=MODULE, **environ) as server:
            assert server.moodle.export().status == 503
            assert "reached out: socket.getaddrinfo" in server.log.read_text()
