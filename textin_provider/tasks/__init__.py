"""What sensors and operators share: the hook, stored jobs, the polling loop of workers, threads."""
