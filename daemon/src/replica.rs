//! What the rows mean.
