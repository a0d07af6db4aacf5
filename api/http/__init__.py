"""What holds for every answer: forms, parameters, compression, revalidation, security headers."""
