# The backend as a container: see docs/ways.md. Any image with Python 3.11 to 3.14 and glibc will do;
# one by its tag brings Debian's security updates with each build, which a digest would freeze.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS packages
WORKDIR /build
COPY requirements-server.txt .
RUN python3 -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-compile \
        --require-hashes --no-deps --only-binary=:all: --target /packages -r requirements-server.txt
COPY infra/package/prune.py .
RUN python3 prune.py /packages
COPY handler /app/handler
COPY mlcore /app/mlcore
COPY moodlemlbackend /app/moodlemlbackend
COPY webapp.py LICENSE /app/
# Compiled here, as nothing can be written at run time.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /packages /app

FROM ${PYTHON} AS backend
# LightGBM needs libgomp. Nobody's name or shell is needed: the number is the user.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=packages /packages /packages
COPY --from=packages /app /app
ENV PYTHONPATH=/app:/packages \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    MOODLE_MLBACKEND_PYTHON_DIR=/data
WORKDIR /app
USER 10001:10001
VOLUME /data
EXPOSE 5000
HEALTHCHECK --start-period=10s \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/version', timeout=5)"]
ENTRYPOINT ["python3", "-m", "handler"]
CMD ["--host", "0.0.0.0", "--make-user", "/data/user"]

# For throw-away networks of tests alone (docker build --target moodle-ci): with the user that
# moodle-docker and moodle-ci-runner expect, as the existing backend's image has it for everybody.
FROM backend AS moodle-ci
ENV MOODLE_MLBACKEND_PYTHON_USERS=default:sshhhh

FROM backend
