//! The cluster's API server as its clients use it.

use super::{Cluster, Settings};
use crate::api::object::ObjectKey;
use crate::api::value::Value;
use crate::apiserver::allocate::Ranges;
use crate::apiserver::client::Client;
use crate::apiserver::request::{DeleteOptions, FieldValidation, Request, Response, Subresource, Verb};
use crate::apiserver::resource;
use crate::apiserver::server::{ApiServer, Context};
use crate::apiserver::status::Status;
use crate::apiserver::store::{Cause, Store};

/// The API server of a cluster that is set up so.
pub(super) fn server(settings: &Settings) -> ApiServer {
    let service_cidrs: Vec<_> = settings.service_cidr.split(',').filter_map(|net| net.trim().parse().ok()).collect();
    let ranges = Ranges::default();
    ApiServer::new(if service_cidrs.is_empty() { ranges } else { Ranges { service_cidrs, ..ranges } })
}

impl Client for Cluster {
    fn store(&self) -> &Store {
        &self.store
    }

    fn handle(&mut self, request: &Request) -> Response {
        self.request(request)
    }
}

impl Cluster {
    /// Carries out a request of a person (or of a program on their behalf) and tells the controllers of it.
    pub fn request(&mut self, request: &Request) -> Response {
        self.request_as(Cause::User, request)
    }

    pub fn request_as(&mut self, cause: Cause, request: &Request) -> Response {
        let Cluster { api, store, random, now, .. } = self;
        let mut context = Context { store, random, now: *now, cause };
        let response = api.handle(&mut context, request);
        self.tell();
        response
    }

    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// Deletes an object as `kubectl delete` does (with `grace` seconds instead of the object's own, if given).
    pub fn delete(&mut self, key: &ObjectKey, grace: Option<i64>) -> Result<Value, Status> {
        let Some(resource) = resource::of_stored(&self.store, &key.kind) else {
            return Err(Status::not_found("", &key.kind, &key.name));
        };
        let options = DeleteOptions { grace_period: grace, ..DeleteOptions::default() };
        let request = Request {
            resource,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            subresource: Subresource::None,
            verb: Verb::Delete(options),
            dry_run: false,
            field_validation: FieldValidation::default(),
        };
        self.request(&request).result
    }
}
