"""The same requests to Triton and to the light server."""
