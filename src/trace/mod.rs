//! A traced request: what happened, where, in which order, and because of which field.
//!
//! A [`Trace`] is computed once by the interpreter (`trace::send`) and only read afterwards: map, journey, packet view,
//! terminal, reachability table, grader and exports all show the same value. It is a list of [`Hop`]s (a stay at one
//! [`Place`] with one packet in hand, one row of the journey), each a list of typed [`Step`]s, in the order in which things
//! happen: each question to DNS and its answer ([`Exchange`]), then the connection's way there, what a proxy does on the way,
//! and the reply's way back. The [`Outcome`] tells apart what the client sees ([`Symptom`]) from what is wrong ([`CauseOfFailure`]).

mod balance;
pub mod compare;
mod converse;
pub mod curl;
mod diagnose;
mod kernel;
pub mod many;
mod outcome;
mod proxy;
mod record;
mod request;
mod resolve;
mod rules;
mod run;
mod send;
pub mod series;
mod serve;
mod step;
mod tape;
mod transit;
pub mod why;

pub use crate::network::dns::{DnsRecord, Rcode, RecordType};
pub use outcome::{CauseOfFailure, Failure, Outcome, Response, Symptom};
pub use request::{Client, Request, Scheme, Url};
pub use resolve::{ask, resolv_conf};
pub use run::World;
pub use send::{send, send_quietly};
pub use series::{Sent, Series, Stop};
pub use step::{Candidate, Direction, Exchange, Hop, Place, Step, StepKind};

use crate::api::time::Time;

/// One request from the first thought of the client to the last byte of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    pub request: Request,
    /// When the client began.
    pub started: Time,
    /// When the client knew the outcome.
    pub ended: Time,
    /// In the order in which things happen; see [`Hop::exchange`] and [`Hop::direction`].
    pub hops: Vec<Hop>,
    pub outcome: Outcome,
}
