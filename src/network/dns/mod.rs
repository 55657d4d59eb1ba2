//! DNS: CoreDNS with its kubernetes plugin on one side, resolvers and look-up tools on the other.
//!
//! Answers are computed from the store at the moment of the question, so the zone is never stale. The packets that carry
//! questions and answers are not here: `trace` sends them through the same rules as any others.

pub mod client;
pub mod corefile;
pub mod kubernetes;
pub mod message;
pub mod outside;
pub mod resolver;
pub mod server;

pub use message::{Answer, DnsRecord, Question, Rcode, RecordType};
pub use outside::Outside;
pub use resolver::{Lookup, ResolvConf};
pub use server::Server;
