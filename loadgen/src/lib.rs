//! Loads a stream, knows what the lake must hold, and proves that it does.
