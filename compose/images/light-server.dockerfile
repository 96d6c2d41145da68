# The light server: the same repository behind the same protocol, without Triton. For amd64 and arm64 alike.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS packages
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv binutils \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN python3 -m venv /opt/venv
COPY requirements/light-server.txt /tmp/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    PIP_CERT=/run/secrets/ca /opt/venv/bin/pip install -q --no-deps --no-compile --require-hashes -r /tmp/light-server.txt \
    && /opt/venv/bin/pip uninstall -q -y pip setuptools
# What only serves tests, tools and other devices. Stripping symbols is what makes the rest small; numpy's own libraries do
# not survive it.
RUN cd /opt/venv/lib/python3.11/site-packages \
    && rm -rf onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/datasets \
        numpy/tests numpy/*/tests numpy/f2py \
    && find . -name '*.so' -not -path './*.libs/*' -exec strip --strip-unneeded {} +
COPY edge_router /opt/venv/lib/python3.11/site-packages/edge_router

FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal libpython3.11-stdlib \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /var/log/*
COPY --from=packages /opt/venv /opt/venv
# Two arenas: each thread's own would hold memory that the LLM could have.
ENV PATH=/opt/venv/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2 \
    EDGE_ROUTER_HOST=0.0.0.0 EDGE_ROUTER_MODEL_REPOSITORY=/models
WORKDIR /
USER 1000:1000
CMD ["python", "-m", "edge_router.server"]
