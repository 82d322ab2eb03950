"""What the benchmarks compare with: floors, and the usual ways to do the same."""
