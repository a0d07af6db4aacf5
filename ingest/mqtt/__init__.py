"""MQTT: the broker's address, clients that read and write, topics."""
