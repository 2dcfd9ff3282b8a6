"""The tests tell the story: `unit` · `contracts` · `real` · `ui` · `features` · `faults` · `bench`."""
