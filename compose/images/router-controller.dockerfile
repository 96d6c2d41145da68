# The controller: the address for clients. It holds no network; a router-server classifies for it.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS packages
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN python3 -m venv /opt/venv
COPY requirements/router-controller.txt /tmp/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && /opt/venv/bin/pip install -q --no-compile --no-deps --require-hashes -r /tmp/router-controller.txt \
    && /opt/venv/bin/pip uninstall -q -y pip setuptools
COPY edge_router /opt/venv/lib/python3.11/site-packages/edge_router

FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal libpython3.11-stdlib \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /var/log/*
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1
WORKDIR /
USER 1000:1000
CMD ["python", "-m", "edge_router.controller"]
