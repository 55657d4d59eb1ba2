//! The API server as its clients see it: something that holds objects and answers requests.

use crate::apiserver::request::{Request, Response};
use crate::apiserver::server::{ApiServer, Context};
use crate::apiserver::store::Store;

/// Where requests go. A cluster is one; so is an API server of its own, without controllers.
pub trait Client {
    /// What the server would answer to reads.
    fn store(&self) -> &Store;

    /// Carries out a write.
    fn handle(&mut self, request: &Request) -> Response;
}

/// An API server with its store and nothing around it.
pub struct Direct<'a> {
    pub server: &'a mut ApiServer,
    pub context: Context<'a>,
}

impl Client for Direct<'_> {
    fn store(&self) -> &Store {
        self.context.store
    }

    fn handle(&mut self, request: &Request) -> Response {
        self.server.handle(&mut self.context, request)
    }
}
