"""The model: loading, positions, embeddings, and the group pass that scores responses."""
