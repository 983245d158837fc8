"""Long streaming with faults. No memory may leak, no thread be left, no message be lost, and sound and video stay in sync.

`run` is the soak. `faults` breaks servers, connections and processes, one after another. `audience` and `robot` are the
processes that it breaks, `messages` sends to the robot and accounts for every message, `scene` is the video and its sound.
"""
