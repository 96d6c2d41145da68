#!/bin/sh
# Starts Triton over /models. Arguments given to the container are added to Triton's.
exec tritonserver \
    --model-repository=/models \
    --backend-directory=/opt/tritonserver/backends \
    --model-control-mode=none \
    --disable-auto-complete-config \
    --http-restricted-api=model-repository,shared-memory,trace,logging:edge-router=nobody \
    --grpc-restricted-protocol=model-repository,shared-memory,trace,logging:edge-router=nobody \
    --allow-gpu-metrics=false \
    --pinned-memory-pool-byte-size=0 \
    --cuda-memory-pool-byte-size=0:0 \
    --log-verbose=0 \
    "$@"
