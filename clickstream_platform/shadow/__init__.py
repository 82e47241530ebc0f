"""Gold built anew beside the lake, compared with it, and swapped in."""
