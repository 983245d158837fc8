"""What this package relies on in aiortc and aioice beyond their documented API, with advice for updates that change it.

``tests/engine/test_aiortc_contract.py`` reads this. It fails if a name is gone, if a signature or an overridden body has
changed, and if a private name is used that is not listed. A digest covers the source without comments, blank lines and
docstring; the failing test prints the new one.
"""

from __future__ import annotations

from typing import Final

from . import dtls, ice, media, peer_connection, sctp
from .kinds import Attribute, Call, Override

__all__ = ["ATTRIBUTES", "CALLS", "OVERRIDES", "Attribute", "Call", "Override"]

ATTRIBUTES: Final = sctp.ATTRIBUTES + dtls.ATTRIBUTES + ice.ATTRIBUTES + media.ATTRIBUTES + peer_connection.ATTRIBUTES
CALLS: Final = sctp.CALLS + dtls.CALLS + ice.CALLS + media.CALLS + peer_connection.CALLS
OVERRIDES: Final = sctp.OVERRIDES + dtls.OVERRIDES + ice.OVERRIDES + media.OVERRIDES + peer_connection.OVERRIDES
