"""The home of every thread of this library but the signalling readers: event loops, and the callbacks of role objects.

Rules that the rest relies on:

- Coroutines run on a `LoopThread`. A caller's thread waits for them by `LoopThread.run`, never the other way round.
- User code runs on the threads of a `Callbacks`, never on a loop or a reader, so a slow callback delays callbacks alone.
- Every thread is a daemon whose name begins with ``gss-``. Loops are stopped by `atexit`, before the interpreter would
  freeze them in the middle of C code.
- The loop that WebRTC runs on is shared by the process. It lives from the first `acquire_shared_loop` to the last
  `release_shared_loop`, so that a process with no role object has no thread of ours.
- After `fork` none of the parent's threads exist in the child, which starts with no shared loop; an object that it
  inherited raises by `Owner.check`.
"""
