#!/bin/sh
# Starts Triton over /models. Arguments given to the container are added to Triton's.
# Refuses every request that changes models or the server: it would need a header with a random value that is stored nowhere.
closed="shared-memory,trace,logging:closed=$(cat /proc/sys/kernel/random/uuid)"
exec tritonserver \
    --model-repository=/models \
    --backend-directory=/opt/tritonserver/backends \
    --model-control-mode=none \
    --disable-auto-complete-config \
    --http-restricted-api="$closed" \
    --grpc-restricted-protocol="$closed" \
    "$@"
