"""The HTTP face: Moodle's endpoints, sign-in, reading requests, storing models."""
