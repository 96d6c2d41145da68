# llama.cpp's own server over a random model: a real LLM server for tests, streaming included.
ARG BASE=debian:bookworm-slim
ARG LLAMA_BASE=debian:sid-slim

FROM ${BASE} AS model
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
RUN python3 -m venv /opt/venv
COPY requirements/gguf.txt /tmp/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \
    PIP_CERT=/run/secrets/ca /opt/venv/bin/pip install -q --require-hashes -r /tmp/gguf.txt
COPY compose/tiny_llama.py /tmp/
RUN /opt/venv/bin/python /tmp/tiny_llama.py /tiny.gguf

FROM ${LLAMA_BASE}
# Debian's mirror may serve an index that is older than its own date allows.
RUN apt-get -o Acquire::Check-Valid-Until=false update \
    && apt-get install -y --no-install-recommends llama.cpp \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/doc/*
COPY --from=model /tiny.gguf /models/tiny.gguf
USER 1000:1000
CMD ["llama-server", "--model", "/models/tiny.gguf", "--host", "0.0.0.0", "--port", "8080", "--ctx-size", "512", "--threads", "1", "--no-webui", "--embeddings", "--pooling", "mean"]
