"""The life of producers, consumers and listeners: how they start, lose their server, come back and close."""
