"""What a model would be asked about a failure, and who is asked. Nothing is sent that was not asked to be sent."""
