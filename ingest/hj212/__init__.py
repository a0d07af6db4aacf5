"""HJ 212, the transport of monitoring data to and from ecology bureaus in China: frames of text over TCP."""
