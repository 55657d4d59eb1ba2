//! Object types, field paths, and YAML read as Kubernetes reads it.
