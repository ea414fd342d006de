"""A server that is killed again and again: forked off a process that has loaded the program once."""

import os
import sys


def serve_in_forks(main):
    """For each line of standard input, when the child before has ended, run ``main(*arguments)`` in a child; tell its pid."""
    child = 0
    for _ in sys.stdin:
        if child:
            os.waitpid(child, 0)
        child = os.fork()
        if not child:
            main(*sys.argv[1:])
            break
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
