"""What runs the backend: on this machine for a look, and on AWS."""
