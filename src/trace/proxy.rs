//! An HTTP proxy on the way: what an ingress controller or a gateway does with a request.

use super::converse::{Line, Said};
use super::diagnose::Verdict;
use super::run::{Run, Spot};
use super::serve::Socket;
use crate::api::object::FieldRef;
use crate::network::packet::Packet;
use crate::network::tls::{Certificate, Issuer};
use crate::runtime::AppRequest;

/// Why a proxy has no answer of a backend.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ProxyStop {}

impl ProxyStop {
    pub fn diagnose(&self, _run: &Run<'_, '_>) -> Verdict {
        match *self {}
    }
}

impl Run<'_, '_> {
    pub(super) fn through_proxy(&mut self, spot: &Spot, packet: &Packet, socket: &Socket, line: &Line) -> Said {
        let request = AppRequest {
            method: &line.method,
            host: &line.host,
            path: &line.path,
            headers: &line.headers,
            peer: packet.src,
            local: packet.dst,
        };
        let reply = self.answer(socket, &request);
        self.respond(spot, packet, socket.pod.clone(), reply, None)
    }

    pub(super) fn certificate(
        &self,
        _spot: &Spot,
        _socket: &Socket,
        server_name: &str,
    ) -> (Certificate, Vec<FieldRef>) {
        (Certificate { names: vec![server_name.into()], issuer: Issuer::Trusted, secret: None }, Vec::new())
    }
}
