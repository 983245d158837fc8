"""Long streaming: does memory stay flat, does a thread stay behind, do picture and sound stay together?"""
