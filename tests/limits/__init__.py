"""Every limit of the server and of roles has a default, an option, a counter and a row in ``docs/reference/limits.rst``."""
