"""The collector: takes messages, commits them and only then acknowledges them."""
