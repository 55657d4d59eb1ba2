//! kubectl: the verbs that take manifests (`k8s.io/kubectl`, `k8s.io/cli-runtime`), with its words on both streams.

pub mod apply;
pub mod create;
pub mod delete;
pub mod failure;
pub mod manifest;
pub mod patch;
pub mod replace;
pub mod run;
