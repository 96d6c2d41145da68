# NVIDIA's perf_analyzer from PyPI; it needs glibc 2.38.
ARG BASE=debian:trixie-slim
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv libssl3t64 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN python3 -m venv /opt/venv
COPY requirements/perf-analyzer.txt /tmp/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && /opt/venv/bin/pip install -q --no-deps --require-hashes -r /tmp/perf-analyzer.txt
ENV PATH=/opt/venv/bin:/usr/bin:/bin
USER 1000:1000
WORKDIR /tmp
ENTRYPOINT ["perf_analyzer"]
