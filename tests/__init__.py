"""Tests of gst_signalling_sync, in folders by subject.

Folders named as the package's have its tests: ``protocol``, ``signalling``, ``server``, ``media``, ``engine``, ``sctp``,
``ice``, ``threads``, ``testing`` and ``cli``. The others are named after what they show:

- what users hold: ``roles``, ``sessions``, ``channels``, ``negotiation``, ``changes``,
- what goes wrong: ``bad_input``, ``attacks``, ``faults``, ``limits``, ``links``, ``networks``, ``fuzz``,
- other programs: ``interop``, ``differential``,
- what is in the repository beside the package: ``examples``, ``docs``, ``project``.

What several folders use is in ``helpers``; the real peers are in ``peers``. ``running.py`` and ``figures.py`` are plugins of
pytest, which ``conftest.py`` loads.
"""
