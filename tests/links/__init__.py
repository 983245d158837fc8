"""Thin and lossy links, simulated: in the time of the test for cores, in real time for real peers."""
