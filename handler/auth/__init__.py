"""Who may ask: users and their passwords, sign-in, browsers' sessions, CSRF protection."""
