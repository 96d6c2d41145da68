# The light server: serves the model repository without Triton, over the same protocol. For amd64 and arm64.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS packages
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv binutils \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN python3 -m venv /opt/venv
ARG REQUIREMENTS=requirements/light-server.txt
COPY ${REQUIREMENTS} /tmp/requirements.txt
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && /opt/venv/bin/pip install -q --no-deps --no-compile --require-hashes -r /tmp/requirements.txt \
    && /opt/venv/bin/pip uninstall -q -y pip setuptools
# Remove what only tests, tools and other devices need, and strip symbols. numpy's own libraries do not work stripped.
RUN cd /opt/venv/lib/python3.11/site-packages \
    && rm -rf onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/datasets \
        numpy/tests numpy/*/tests numpy/f2py \
    && find . -name '*.so' -not -path './*.libs/*' -exec strip --strip-unneeded {} +
COPY edge_router /opt/venv/lib/python3.11/site-packages/edge_router

FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal libpython3.11-stdlib \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /var/log/*
COPY --from=packages /opt/venv /opt/venv
# Two malloc arenas: one for each thread would keep memory that the LLM could use.
ENV PATH=/opt/venv/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2 \
    EDGE_ROUTER_HOST=0.0.0.0 EDGE_ROUTER_MODEL_REPOSITORY=/models
WORKDIR /
USER 1000:1000
CMD ["python", "-m", "edge_router.server"]
