"""REST, exports, live stream and web pages: reads the store, never computes a flux."""
