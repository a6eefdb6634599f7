"""What `import gans` gives."""
