"""The command line, run as its users run it: as a process, in a pipe or in a terminal."""
