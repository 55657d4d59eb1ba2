//! Warnings: what the API server accepts and still speaks about (`WarningsOnCreate` and `WarningsOnUpdate` of the kinds'
//! strategies, `pkg/api/pod/warnings.go`). Each function gives complete sentences as the `Warning` header carries them.

pub mod overlap;
pub mod pod;
pub mod secret;
pub mod workload;
