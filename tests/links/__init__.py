"""Thin and lossy links, simulated: in simulated time for cores, in real time for real peers."""
