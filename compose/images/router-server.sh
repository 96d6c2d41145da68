#!/bin/sh
# Starts Triton over /models. Arguments given to the container are added to Triton's.
# Closed for good: whatever changes models or server. The header that would open them is random and told to nobody.
closed="shared-memory,trace,logging:closed=$(cat /proc/sys/kernel/random/uuid)"
exec tritonserver \
    --model-repository=/models \
    --backend-directory=/opt/tritonserver/backends \
    --model-control-mode=none \
    --disable-auto-complete-config \
    --http-restricted-api="$closed" \
    --grpc-restricted-protocol="$closed" \
    "$@"
