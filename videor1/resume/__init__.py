"""What makes a killed run go on as if nothing had happened; docs/resume.md says what that means."""
