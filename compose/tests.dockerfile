# The stack tests as a container: what a tester's machine would have, inside the stack's own network.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN python3 -m venv /opt/venv
COPY requirements/test.txt /tmp/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    PIP_CERT=/run/secrets/ca /opt/venv/bin/pip install -q --require-hashes -r /tmp/test.txt
COPY edge_router /opt/venv/lib/python3.11/site-packages/edge_router
COPY pyproject.toml /src/
COPY tests/ports.py tests/light.py /src/tests/
COPY tests/stack /src/tests/stack
ENV PATH=/opt/venv/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
CMD ["pytest", "-p", "no:cacheprovider", "tests/stack/test_router_integration.py"]
