# Triton with this package. Triton has two sources, with one entrypoint and the same repository at /models.
#   wheel: CPU only, from the PyPI wheel of PyTriton. Triton 24.10 has published vulnerabilities: never publish its ports beyond loopback.
#   ngc:   NVIDIA's own container, for GPUs and Jetsons.
ARG BASE=debian:bookworm-slim
ARG TRITON_IMAGE=nvcr.io/nvidia/tritonserver:26.10-py3

FROM ${BASE} AS python
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv libpython3.11 binutils unzip \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN python3 -m venv /opt/venv

FROM python AS triton
COPY requirements/triton.txt /tmp/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && /opt/venv/bin/pip download -q --no-deps --require-hashes -r /tmp/triton.txt -d /tmp/wheels
RUN unzip -q '/tmp/wheels/*.whl' -d /tmp/wheel && mkdir -p /opt/tritonserver/lib && cd /tmp/wheel \
    && cp nvidia_pytriton.libs/* /opt/tritonserver/lib/ \
    && cp -r pytriton/tritonserver/bin pytriton/tritonserver/backends /opt/tritonserver/ \
    && cp pytriton/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub /opt/tritonserver/backends/python/ \
    && rm -rf /tmp/wheel

FROM python AS packages
COPY requirements/router-server.txt /tmp/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && /opt/venv/bin/pip install -q --no-deps --no-compile --require-hashes -r /tmp/router-server.txt
# Remove what only tests, tools and other devices need, and strip symbols.
RUN cd /opt/venv/lib/python3.11/site-packages \
    && rm -rf pip* setuptools* pkg_resources _distutils_hack distutils-precedence.pth onnxruntime/transformers onnxruntime/quantization onnxruntime/tools onnxruntime/datasets \
        numpy/tests numpy/*/tests numpy/f2py numpy/distutils \
    && find . -name '*.so' -exec strip --strip-unneeded {} +
COPY edge_router /opt/venv/lib/python3.11/site-packages/edge_router

FROM ${BASE} AS wheel
RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal libpython3.11 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/* /var/log/*
COPY --from=triton /opt/tritonserver /opt/tritonserver
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/tritonserver/bin:/opt/venv/bin:/usr/bin:/bin LD_LIBRARY_PATH=/opt/tritonserver/lib PYTHONDONTWRITEBYTECODE=1
# In a model's folder as working directory, Python would import that model's code for every model.
WORKDIR /
USER 1000:1000
COPY compose/images/router-server.sh /usr/local/bin/router-server
ENTRYPOINT ["/usr/local/bin/router-server"]

# Not run on a device yet. Building it needs NVIDIA's registry.
FROM ${TRITON_IMAGE} AS ngc
ARG REQUIREMENTS=requirements/ngc.txt
COPY ${REQUIREMENTS} /tmp/requirements.txt
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && python3 -m pip install -q --no-cache-dir --break-system-packages --no-deps --require-hashes -r /tmp/requirements.txt
# The health check calls `python`.
RUN command -v python || ln -s "$(command -v python3)" /usr/local/bin/python
COPY edge_router /tmp/edge_router
RUN mv /tmp/edge_router "$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/"
WORKDIR /
USER 1000:1000
COPY compose/images/router-server.sh /usr/local/bin/router-server
ENTRYPOINT ["/usr/local/bin/router-server"]
