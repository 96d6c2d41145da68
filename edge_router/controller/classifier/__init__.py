"""Who decides what a prompt is: a router-server, the network in this process, or less."""
