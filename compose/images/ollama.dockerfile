# Ollama with a folder of models that is not root's: a fresh volume takes its owner from here.
ARG OLLAMA_IMAGE
FROM ${OLLAMA_IMAGE}
RUN mkdir /models && chown 1000:1000 /models
ENV OLLAMA_MODELS=/models HOME=/tmp
USER 1000:1000
