"""The backend on this machine: a server, a client, a demonstration, Lambda's gateways."""
