"""The bitrate that links share, and the estimate of what each link carries."""

from __future__ import annotations

from gst_signalling_sync.webrtc.media.sending.bitrate import BitrateSteps, LinkEstimate, SharedBitrate


def test_without_estimates_the_highest_bitrate_is_used() -> None:
    assert SharedBitrate(100_000, 1_000_000).target() == 1_000_000


def test_the_slowest_link_decides_while_it_is_not_far_below_the_others() -> None:
    shared = SharedBitrate(100_000, 1_000_000)
    for link, estimate in enumerate((900_000, 600_000, 800_000)):
        shared.report(link, estimate)

    assert shared.target() == 600_000


def test_one_bad_link_leaves_the_others_half_of_what_the_median_carries() -> None:
    shared = SharedBitrate(100_000, 1_000_000)
    for link, estimate in enumerate((900_000, 120_000, 800_000)):
        shared.report(link, estimate)

    assert shared.target() == 400_000


def test_of_two_links_the_better_one_keeps_half_but_not_in_a_slow_group() -> None:
    for is_slow, target in ((False, 300_000), (True, 120_000)):
        shared = SharedBitrate(100_000, 1_000_000, is_slow)
        shared.report("good", 600_000)
        shared.report("bad", 120_000)

        assert shared.target() == target


def test_a_single_bad_link_gets_what_it_carries_down_to_the_lowest_bitrate() -> None:
    shared = SharedBitrate(100_000, 1_000_000)
    shared.report("link", 150_000)
    assert shared.target() == 150_000

    shared.report("link", 1_000)
    assert shared.target() == 100_000


def test_a_link_that_has_ended_counts_no_more() -> None:
    shared = SharedBitrate(100_000, 1_000_000)
    shared.report("good", 900_000)
    shared.report("bad", 500_000)
    assert shared.target() == 500_000

    shared.forget("bad")
    assert shared.target() == 900_000


def test_very_small_changes_are_left_out() -> None:
    shared = SharedBitrate(100_000, 1_000_000)
    shared.report("link", 980_000)
    assert shared.target() == 1_000_000

    shared.report("link", 960_000)
    assert shared.target() == 960_000


def test_encoder_that_is_opened_again_does_not_take_small_changes() -> None:
    steps = BitrateSteps()

    assert steps.step(1_000_000, 0.0) == 1_000_000
    assert steps.step(900_000, 10.0) == 1_000_000
    assert steps.step(850_000, 20.0) == 850_000


def test_encoder_that_is_opened_again_takes_small_increases_more_rarely_than_other_changes() -> None:
    steps = BitrateSteps()
    assert steps.step(1_000_000, -10.0) == 1_000_000
    assert steps.step(500_000, 0.0) == 500_000
    assert steps.step(700_000, 2.0) == 500_000
    assert steps.step(700_000, 5.0) == 700_000
    assert steps.step(300_000, 5.5) == 700_000
    assert steps.step(300_000, 6.0) == 300_000
    assert steps.step(1_000_000, 6.5) == 300_000
    assert steps.step(1_000_000, 7.0) == 1_000_000


def test_link_that_is_not_known_yet_counts_only_by_itself() -> None:
    shared = SharedBitrate(100_000, 1_000_000)
    shared.report("new", 300_000, is_confirmed=False)
    assert shared.target() == 300_000

    shared.report("good", 900_000)
    assert shared.target() == 900_000

    shared.report("new", 600_000)
    assert shared.target() == 600_000


def test_new_limits_take_effect_at_once() -> None:
    shared = SharedBitrate(100_000, 1_000_000)
    shared.report("link", 3_000_000)
    assert shared.target() == 1_000_000

    shared.set_limits(200_000, 2_000_000)
    assert shared.target() == 2_000_000


def test_losses_above_a_tenth_slow_a_link_down_and_their_end_speeds_it_up() -> None:
    estimate = LinkEstimate(1_000_000)
    estimate.on_loss(0.2, (50_000, 1_000_000))
    assert estimate.bitrate == 900_000

    estimate.on_loss(0.05, (50_000, 1_000_000))
    assert estimate.bitrate == 900_000

    for _ in range(10):
        estimate.on_loss(0.0, (50_000, 1_000_000))
    assert estimate.bitrate == 1_000_000


def test_a_link_recovers_from_a_minute_of_losses_in_the_next() -> None:
    estimate = LinkEstimate(2_000_000)
    for _ in range(60):
        estimate.on_loss(0.5, (250_000, 2_000_000))
    assert estimate.bitrate == 250_000

    for _ in range(60):
        estimate.on_loss(0.0, (250_000, 2_000_000))
    assert estimate.bitrate == 2_000_000


def test_an_estimate_below_what_is_sent_is_a_limit_until_it_recovers() -> None:
    estimate = LinkEstimate(1_000_000)
    estimate.on_receiver_estimate(400_000, sent=500_000)
    assert estimate.bitrate == 400_000

    for _ in range(30):
        estimate.on_receiver_estimate(450_000, sent=400_000)
    assert estimate.bitrate == 1_000_000


def test_an_estimate_of_a_link_that_is_hardly_used_is_no_limit() -> None:
    estimate = LinkEstimate(1_000_000)
    estimate.on_receiver_estimate(50_000, sent=50_000)
    assert estimate.bitrate == 1_000_000
