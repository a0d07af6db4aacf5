"""Load: thousands of simulated towers from one process, cheap enough not to be what is measured.

Every tower sends the same simulated half-hour, each from another place in it on. A message is a row of bytes in which
only time, number and samples are set; rows go to the broker as they are. Stations of weather send readings beside.
"""

from ingest.simulation.load.connection import Connection
from ingest.simulation.load.packets import Packets
from ingest.simulation.load.sending import JOURNAL_ENTRY, send
from ingest.simulation.load.stations import Faults, Load, station_files, tower_id

__all__ = ["JOURNAL_ENTRY", "Connection", "Faults", "Load", "Packets", "send", "station_files", "tower_id"]
