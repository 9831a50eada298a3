"""Go: its JSON, its text and its values, as the programs written in it read them."""
