#!/bin/sh
# Starts Triton over /models. Arguments given to the container are added to Triton's.
# These protocols would change models or the server. They stay closed: the header that opens them is random and not shown.
closed="shared-memory,trace,logging:closed=$(cat /proc/sys/kernel/random/uuid)"
exec tritonserver \
    --model-repository=/models \
    --backend-directory=/opt/tritonserver/backends \
    --model-control-mode=none \
    --disable-auto-complete-config \
    --http-restricted-api="$closed" \
    --grpc-restricted-protocol="$closed" \
    "$@"
