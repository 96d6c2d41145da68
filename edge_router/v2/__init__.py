"""The KServe V2 inference protocol, as Triton speaks it."""
