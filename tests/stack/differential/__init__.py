"""Sends the same requests to Triton and to the light server and compares the responses."""
