"""Our readings that become frames for a bureau: files of them, and a forwarder with a spool."""
