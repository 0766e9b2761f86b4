"""What a user of a trained model calls: detection, drawing, videos."""
