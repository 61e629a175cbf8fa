"""What every face calls: a scan, a replay, a report, the schedule, each from settings to a result."""
