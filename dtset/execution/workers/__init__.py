"""The processes that dtset starts on this machine and watches: a scheduler in the driver, a keeper, workers."""
