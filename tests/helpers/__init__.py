"""What tests of several folders share: peers, servers, media, processes and waits. A helper of one folder is in that folder."""
