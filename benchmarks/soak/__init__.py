"""Long streaming while things break: does memory stay flat, is a thread left, does a message vanish, do frames and sound part?

`run` is the soak. `faults` breaks servers, connections and processes, one after the other; `audience` and `robot` are the
processes that it does that to, `messages` streams to the robot and accounts for every message, `scene` is what is filmed.
"""
