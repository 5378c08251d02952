"""What subsampling loses of shifts, and a blur keeps."""
