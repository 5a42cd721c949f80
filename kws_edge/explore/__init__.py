"""What a person looks at before training."""
