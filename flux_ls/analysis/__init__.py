"""What spans mean: pure functions of the model, without IO and without a thought for any editor."""
