"""The tables as software-defined assets; thin: the work lies in `build`."""
