"""What Moodle runs on its own web server: ``python -m moodlemlbackend.training`` and its siblings.

Moodle's setting "Python executable" names the interpreter. For every step Moodle runs one of these
modules, reads the last line of standard output and looks at the exit status.
"""
