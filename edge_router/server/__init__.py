"""The light server: a model repository behind the V2 protocol, without Triton. It knows models, tensors and nothing of
what they decide."""
