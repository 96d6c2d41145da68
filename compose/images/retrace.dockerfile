# Traces a checkpoint for the CPU. Debian's torch is for the CPU only and a quarter of the size of PyPI's with its
# dependencies. It is older on purpose: every torch reads traces of older versions, but not always of newer ones.
ARG BASE=debian:trixie-slim
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3-torch python3-venv libopenblas0-pthread \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN python3 -m venv --system-site-packages /opt/venv
COPY requirements/app.txt requirements/retrace.txt /tmp/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && /opt/venv/bin/pip install -q --require-hashes -r /tmp/app.txt \
    && /opt/venv/bin/pip install -q --no-deps --require-hashes -r /tmp/retrace.txt
COPY edge_router /opt/venv/lib/python3.13/site-packages/edge_router
COPY scripts/retrace_cpu.py /opt/
ENV PATH=/opt/venv/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1
USER 1000:1000
WORKDIR /tmp
ENTRYPOINT ["python", "/opt/retrace_cpu.py", "/checkpoint", "--out", "/out/model.pt"]
