"""The light server: serves a model repository over the V2 protocol without Triton.

It knows models and tensors, and nothing of what the models decide.
"""
