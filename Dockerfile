# One image for every role: `serve`, `migrate`, `worker`, whatever `python -m app.cli` offers.
# State lies in /data or in PostgreSQL; the rest may be mounted read-only.

FROM python:3.13-slim AS packages
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /opt/pilar \
    && /opt/pilar/bin/python -m pip install --no-cache-dir --require-hashes --no-deps \
        --requirement requirements.lock

FROM python:3.13-slim
ENV PATH=/opt/pilar/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PILAR_DATA_DIR=/data \
    PILAR_HOST=0.0.0.0 \
    PILAR_PORT=8000 \
    PILAR_LOG_FORMAT=json
# pg_dump, pg_restore and psql, for `pilar backup` and `pilar restore`.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*
# A number, so that an orchestrator can see that it is not root.
RUN install -d -o 10001 -g 10001 -m 0700 /data
WORKDIR /srv/pilar
COPY --from=packages /opt/pilar /opt/pilar
COPY planner ./planner
COPY store ./store
COPY schedulers ./schedulers
COPY app ./app
COPY migrations ./migrations
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; ask = http.client.HTTPConnection('127.0.0.1', int(os.environ['PILAR_PORT']), timeout=3); ask.request('GET', '/healthz'); sys.exit(ask.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "app.cli"]
CMD ["serve"]
