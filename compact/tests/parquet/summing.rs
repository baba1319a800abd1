//! Roll-ups, against sums that are made the slow way.
