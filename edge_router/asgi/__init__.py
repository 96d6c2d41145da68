"""What every HTTP address of this package stands on: a request's body with its limits, and a process that serves."""
