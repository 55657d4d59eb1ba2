//! What can be installed into a cluster: the add-ons that a tutorial installs by `kubectl apply -f <address>`, from manifests
//! of the same shape that come with the program.

use super::{Cluster, LoadBalancerProvider};
use crate::api::parse::parse;
use crate::apiserver::request::{Body, FieldValidation, Request, Subresource, Verb};
use crate::apiserver::resource;
use crate::apiserver::status::Status;

/// An add-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addon {
    /// An ingress controller, as of `ingress-nginx`.
    IngressNginx,
    /// Addresses for Services of type LoadBalancer, as of MetalLB.
    MetalLb,
    /// A Gateway API controller, as of NGINX Gateway Fabric.
    NginxGateway,
}

impl Addon {
    pub const ALL: [Addon; 3] = [Addon::IngressNginx, Addon::MetalLb, Addon::NginxGateway];

    /// The name in a list of add-ons.
    pub fn name(self) -> &'static str {
        match self {
            Addon::IngressNginx => "ingress-nginx",
            Addon::MetalLb => "metallb",
            Addon::NginxGateway => "nginx-gateway",
        }
    }

    /// The add-on that the address of an installation manifest means.
    pub fn of_address(address: &str) -> Option<Addon> {
        let has = |words: &[&str]| words.iter().any(|w| address.contains(w));
        if has(&["ingress-nginx", "ingress-controller"]) {
            Some(Addon::IngressNginx)
        } else if has(&["metallb"]) {
            Some(Addon::MetalLb)
        } else if has(&["nginx-gateway", "gateway-api"]) {
            Some(Addon::NginxGateway)
        } else {
            None
        }
    }

    /// Its manifests.
    pub fn manifests(self) -> &'static str {
        match self {
            Addon::IngressNginx => include_str!("../../assets/addons/ingress-nginx.yaml"),
            Addon::MetalLb => include_str!("../../assets/addons/metallb.yaml"),
            Addon::NginxGateway => include_str!("../../assets/addons/nginx-gateway.yaml"),
        }
    }
}

impl Cluster {
    /// Installs an add-on; what exists already is left as it is.
    ///
    /// # Errors
    /// The API server's refusal of one of its objects.
    pub fn install(&mut self, addon: Addon) -> Result<(), Status> {
        for manifest in parse(addon.name(), addon.manifests()).0 {
            let (group_version, kind) = (manifest.value.str_at(&["apiVersion"]), manifest.value.str_at(&["kind"]));
            let Some(resource) = resource::find(self.store(), group_version, kind) else {
                return Err(Status::no_such_resource());
            };
            let request = Request {
                resource,
                namespace: manifest.value.str_at(&["metadata", "namespace"]).into(),
                name: Default::default(),
                subresource: Subresource::None,
                verb: Verb::Create(Body::Content(manifest.value)),
                dry_run: false,
                field_validation: FieldValidation::default(),
            };
            match self.request(&request).result {
                Err(status) if status.reason != "AlreadyExists" => return Err(status),
                _ => {}
            }
        }
        if addon == Addon::MetalLb {
            self.set_load_balancer(LoadBalancerProvider::MetalLb);
        }
        Ok(())
    }
}
