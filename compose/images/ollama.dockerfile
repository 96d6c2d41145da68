# Ollama with a model folder that user 1000 owns: a new volume takes its owner from the image.
ARG OLLAMA_IMAGE
FROM ${OLLAMA_IMAGE}
RUN mkdir /models && chown 1000:1000 /models
ENV OLLAMA_MODELS=/models HOME=/tmp
USER 1000:1000
