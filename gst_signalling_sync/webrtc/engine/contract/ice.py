"""What is relied on in aiortc's and aioice's ICE and STUN."""

from __future__ import annotations

from typing import Final

from .kinds import BODY_ADVICE, Attribute, Call, Override

__all__ = ["ATTRIBUTES", "CALLS", "OVERRIDES"]

_ICE: Final = "aioice.ice:Connection"
_STUN_SOCKET: Final = "aioice.ice:StunProtocol"
_STUN_MESSAGE: Final = "aioice.stun:Message"

ATTRIBUTES: Final = (
    Attribute(
        "aiortc.rtcicetransport:RTCIceGatherer",
        ("_connection",),
        "ice.py gives aioice's connection a class of its own: find it.",
    ),
    Attribute(
        "aiortc.rtcicetransport:RTCIceTransport",
        ("_send",),
        "dtls.py sends datagrams by it: take the method that _write_ssl takes.",
    ),
    Attribute(
        _ICE,
        ("_nominated",),
        "The selected pair is read from it, by component: find where check_complete puts the nominated pair.",
    ),
    Attribute(
        _ICE,
        ("_query_consent_task",),
        "`expire` must not have close() wait for the task that it is called in: compare with query_consent.",
    ),
    Attribute(
        _ICE,
        ("_local_candidates", "_local_candidates_start", "_local_candidates_end", "_protocols"),
        "`IceConnection` adds to them while connect() runs: compare `gather_candidates` with aioice's.",
    ),
    Attribute(
        _ICE,
        ("_check_list", "_check_list_done", "_early_checks_done", "_closing", "_remote_candidates"),
        "`IceConnection` pairs candidates that are found late, and decides which pair is checked next: compare with aioice's"
        " `_add_remote_candidate`, `_end_remote_candidates` and `_check_periodic`.",
    ),
    Attribute(_ICE, ("_queue",), "Compare `IceConnection.data_received` with aioice's."),
    Attribute(
        _STUN_SOCKET,
        ("transactions",),
        "`IceConnection.check` adds its transaction, so that datagram_received gives it the answer: compare.",
    ),
)

CALLS: Final = (
    Call(_ICE, "build_request", "(self, pair, nominate)", "Bring `IceConnection.check` up to it."),
    Call(_ICE, "close", "(self)", "Bring `IceConnection.expire` up to it."),
    Call(_ICE, "_pair_remote_candidate", "(self, remote_candidate)", "Bring `IceConnection.add_host` up to it."),
    Call(_ICE, "_check_list_maybe_complete", "(self)", "`IceConnection._on_gathered` asks it: see what it returns."),
    Call(_ICE, "_check_list_maybe_fail", "(self)", "`IceConnection._on_gathered` calls it when all is tried."),
    Call(_ICE, "check_start_task", "(self, pair)", "Bring `IceConnection.check_incoming` up to it."),
    Call(_ICE, "sort_check_list", "(self)", "Bring `IceConnection.add_host` up to it."),
    Call(
        _STUN_SOCKET,
        "request",
        "(self, request, addr, integrity_key=None, retransmissions=None)",
        "`Gathering` asks STUN servers by it.",
    ),
    Call(_STUN_SOCKET, "send_stun", "(self, message, addr)", "Bring `IceConnection.check` up to it."),
    Call(_STUN_MESSAGE, "add_message_integrity", "(self, key)", "Bring `IceConnection.check` up to it."),
    Call(_STUN_MESSAGE, "check_message_integrity", "(self, key)", "Bring `_Check` and `CheckTransaction` up to it."),
)

OVERRIDES: Final = (
    Override(_ICE, "__log_info", "46e6ee5b60ea9787", f"Ours writes the same line at DEBUG. {BODY_ADVICE}"),
    Override(
        _ICE,
        "query_consent",
        "4107bff005f6ccb1",
        "Ours calls it, or what replaces it for one connection: see that connect() still starts it and close() ends it.",
    ),
    Override(_ICE, "sendto", "4b1ff51dd34ca2ca", "Ours calls it and counts: see that send() still sends by it."),
    Override(
        _ICE,
        "data_received",
        "0ced6db64b363541",
        f"Ours also counts, and gives `on_datagram` what it takes. {BODY_ADVICE}",
    ),
    Override(
        _STUN_SOCKET,
        "datagram_received",
        "8d454674cd506cd8",
        "Ours calls it for STUN, and data_received for all else: see that it still does no more for that.",
    ),
    Override(
        _STUN_SOCKET,
        "request",
        "323dcf6a355ee23f",
        f"Ours does the same for connectivity checks by a transaction of its own, and calls it for others. {BODY_ADVICE}",
    ),
    Override(_STUN_SOCKET, "send_data", "2b2c2c6cbf081d9f", f"`IceConnection.send_now` does the same. {BODY_ADVICE}"),
    Override(
        _ICE,
        "add_remote_candidate",
        "b543cf0bc661844c",
        "Ours calls it with the candidates that a peer can have: see that nothing else adds one that the peer names.",
    ),
    Override(
        _ICE,
        "gather_candidates",
        "49a079de89f5b8c5",
        "Ours has `Gathering` do it, and returns with the first candidate: see which flags connect() looks at.",
    ),
    Override(_ICE, "close", "47f9ce8d8bc2d040", "Ours ends the search for candidates and the relays before it."),
    Override(
        _ICE,
        "check_incoming",
        "768c6ffcf9069d9f",
        "Ours calls it, notes the time, forgets old peer-reflexive candidates, and repeats a check that is under way: see that"
        " request_received calls it for authenticated requests alone, and whether aioice repeats it now (RFC 8445 section"
        " 7.3.1.4).",
    ),
    Override(
        _ICE,
        "_remote_candidates_expected",
        "be80585e7bbd2cf9",
        "Ours is also true while candidates of this end are to come: see that checks go on as long as it is.",
    ),
    Override(
        _ICE,
        "_check_periodic",
        "ba0a307663fd989b",
        "Ours has pairs with relays wait for the others, and paces the checks in a task of its own: see that connect() waits"
        f" for the outcome as soon as this is false, where there are pairs. {BODY_ADVICE}",
    ),
)
