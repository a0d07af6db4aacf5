"""Ways to run the platform: native servers, the supervised group, compose file, systemd unit."""
