"""HTTP plumbing that the light server and the controller share: request bodies with limits, connections, the process
that serves."""
