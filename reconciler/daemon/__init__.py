"""Keeping it so: the same pass again and again, and coming to an end without leaving calls in flight.

`draining` turns signals into a wish to stop; `keeper` is one turn of the loop; `schedule` runs it on time and is the
only user of APScheduler.
"""
