"""From what is asked and what was decided to the upstreams that may answer. No I/O but the classifier."""
