//! Which certificate a server shows, a proxy's among them.

use super::controllers;
use crate::api::object::{FieldRef, ObjectKey};
use crate::network::packet::Packet;
use crate::network::tls::{Certificate, Issuer};
use crate::network::{gateway, ingress};
use crate::runtime::Listener;
use crate::runtime::image::App;
use crate::trace::run::Run;
use crate::trace::serve::{Server, Socket};
use smol_str::SmolStr;

impl Run<'_, '_> {
    /// The certificate that a server shows, the fields behind it, and the Secret that it should have had.
    pub(in crate::trace) fn certificate(
        &self,
        packet: &Packet,
        socket: &Socket,
        server_name: &str,
    ) -> (Certificate, Vec<FieldRef>, Option<(ObjectKey, SmolStr)>) {
        match &socket.server {
            Server::Program(Listener { app: App::Ingress, .. }) => {
                let mut shown = (Certificate::of_controller(), Vec::new(), None);
                for controller in controllers(self, socket) {
                    let store = self.world.store;
                    let found = if gateway::is_open(store, controller, packet.dst.port()) {
                        gateway::certificate(store, controller, server_name, packet.dst.port())
                    } else {
                        ingress::certificate(store, controller, server_name)
                    };
                    if found.0.secret.is_some() {
                        return found;
                    }
                    if shown.2.is_none() {
                        shown = found;
                    }
                }
                shown
            }
            Server::ControlPlane | Server::Kubelet => {
                let names = [
                    "kubernetes",
                    "kubernetes.default",
                    "kubernetes.default.svc",
                    "kubernetes.default.svc.cluster.local",
                ];
                let names = names.into_iter().map(SmolStr::from).collect();
                (Certificate { names, issuer: Issuer::Cluster, secret: None }, Vec::new(), None)
            }
            Server::Web(names) if !names.is_empty() => (Certificate::trusted(names.clone()), Vec::new(), None),
            // The demo servers of pods have certificates of an authority that the images here trust, for any name.
            _ => (Certificate::trusted(vec!["*".into()]), Vec::new(), None),
        }
    }
}
