"""What happens now: streams of readings, their latest state, and the alarms they raise.

``register.py`` makes streams known, ``history.py`` loads and reads past readings.
"""
