"""`apply_mask`: masks or unmasks the payload of a frame (RFC 6455 section 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["apply_mask", "apply_mask_in_python"]


def apply_mask_in_python(data: bytes, mask: bytes) -> bytes:
    """Mask or unmask, where `websockets` has no compiled function for it.

    Args:
        data: The payload, masked or unmasked.
        mask: Four bytes.

    Returns:
        The payload unmasked or masked.
    """
    size = len(data)
    masks = mask * (size // 4) + mask[: size % 4]
    return (int.from_bytes(data, "little") ^ int.from_bytes(masks, "little")).to_bytes(size, "little")


if TYPE_CHECKING:
    apply_mask = apply_mask_in_python
else:
    try:
        from websockets.speedups import apply_mask
    except ImportError:
        apply_mask = apply_mask_in_python
