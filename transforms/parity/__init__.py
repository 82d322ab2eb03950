"""One SQL, three ways to run it: proof that all of them give the same rows."""
