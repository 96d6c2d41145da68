"""The KServe V2 inference protocol with Triton's extensions."""
