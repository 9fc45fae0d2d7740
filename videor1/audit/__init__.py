"""Every record of a run's files looked at before the run is paid for."""
