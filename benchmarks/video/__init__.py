"""Live video: one producer process for each contestant, and its consumers in processes of their own, all on one machine."""
