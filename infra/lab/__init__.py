"""What measures and attacks the backend: benchmarks, quality, load, fuzzing, a made-up course."""
