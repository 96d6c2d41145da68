"""What can be seen from outside: log, metrics, traces. Never what a prompt or an answer says."""
