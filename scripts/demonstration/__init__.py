"""What ``make demo`` shows: one module for each example, and `acts`, which they share."""
