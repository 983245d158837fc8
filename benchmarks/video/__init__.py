"""Live video: one producer process per contestant, its consumers in processes of their own, all on one machine."""
