"""What is claimed about speed, measured against what people use today."""
