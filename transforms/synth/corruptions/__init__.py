"""One defect for each rule of the contracts, for runs that break exactly that rule."""
