# One image for Dagster's web server, daemon, code server and runs, and for the command line. compose.yaml and
# deploy/helm/values.yaml set the command and the health check of each.
# Images are pinned by digest, because a tag can move to another image; deploy/pin-images.sh updates the digests.
ARG PYTHON=3.12.11-slim-bookworm@sha256:519591d6871b7bc437060736b9f7456b8731f1499a57e22e6c285135ae657bf7

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
# Before the code, so that this layer is rebuilt only if the lock changes.
COPY deploy/requirements.lock deploy/
RUN pip install --require-hashes --no-deps -r deploy/requirements.lock
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY sql sql
COPY pipelines pipelines
COPY assets assets
COPY commands commands
COPY emulator emulator
RUN pip install --no-deps --no-build-isolation .

FROM python:${PYTHON}
# Root owns the program; its user can only read it. It writes to /data and /tmp, and creates the code server's
# socket in /run/amocrm. A new volume takes the owner and the mode of the folder that it is mounted on.
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin amocrm \
    && install --directory --owner=amocrm --group=amocrm --mode=0700 /data /run/amocrm
COPY --from=build /opt/venv /opt/venv
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/
# Dagster's chart starts the web server by these names; Dagster's own server accepts requests from any website.
RUN ln --symbolic --force amocrm-dagster-webserver /opt/venv/bin/dagster-webserver \
    && ln --symbolic --force amocrm-dagster-webserver /opt/venv/bin/dagit
ENV PATH=/opt/venv/bin:$PATH \
    DAGSTER_HOME=/opt/dagster \
    AMOCRM_DATA_DIR=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# Folder of .env and accounts.toml, if settings are not passed as variables.
WORKDIR /srv/amocrm
VOLUME /data
USER 10001
CMD ["amocrm-warehouse", "--help"]
