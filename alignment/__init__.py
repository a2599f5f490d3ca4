"""What the two teams read and agree: pure over the history that the sync keeps."""
