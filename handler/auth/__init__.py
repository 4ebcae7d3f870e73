"""Authentication: users and their passwords, sign-in, sessions of browsers, CSRF protection."""
