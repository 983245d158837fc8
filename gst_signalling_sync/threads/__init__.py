"""Event loop threads, callback threads, deadlines and `fork`, without any knowledge of the project.

The rest relies on these rules:

- Coroutines run on a `LoopThread`. A caller's thread waits for them with `LoopThread.run`; a loop never waits for a caller.
- User code runs on the threads of a `Callbacks`, never on a loop or a reader, so a slow callback delays only callbacks.
- Every thread is a daemon whose name begins with ``gss-``. Loops are stopped by `atexit`, before the interpreter freezes
  daemon threads in the middle of C code.
- All WebRTC of a process runs on one shared loop. It lives from the first `acquire_shared_loop` to the last
  `release_shared_loop`, so a process without role objects has no thread of this library.
- After `fork` none of the parent's threads exist in the child, which starts without a shared loop. `Owner.check` raises for
  an object that the child inherited.
"""
