//! `service-lb-controller`: gives Services of type LoadBalancer their outside address, if somebody in the cluster can.
//!
//! Upstream: `cloud-provider/controllers/service`, MetalLB's controller, `minikube tunnel`. On a bare cluster nobody does, and
//! the address stays `<pending>`.

use super::{Context, Controller, Enqueue, Index, LoadBalancerProvider, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::api::view::ServiceType;
use crate::apiserver::store::{Event, Store};
use crate::arrange::set_of;
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeSet;

const NAME: &str = "service-lb-controller";
const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";

pub struct ServiceLbController;

impl Controller for ServiceLbController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, _: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        if event.key.kind != "Service" {
            return;
        }
        let concerns = |o: &std::sync::Arc<Object>| {
            o.view().service().is_some_and(|s| s.type_ == ServiceType::LoadBalancer || !s.load_balancer.is_empty())
        };
        if [&event.old, &event.new].into_iter().flatten().any(concerns) {
            let has = event.new.as_ref().and_then(|s| s.view().service()).is_some_and(|s| !s.load_balancer.is_empty());
            let latencies = &settings.latencies;
            enqueue(event.key.clone(), if has { latencies.controller } else { latencies.load_balancer_provision });
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(service) = context.store.get(key).cloned() else { return result };
        let Some(view) = service.view().service() else { return result };
        let provider = context.settings.load_balancer;
        let cloud = provider == LoadBalancerProvider::Cloud;
        let wanted = view.type_ == ServiceType::LoadBalancer
            && view.load_balancer_class.is_empty()
            && provider != LoadBalancerProvider::None
            && !service.is_terminating();
        let mut value = service.value.clone();
        let mut finalizers = value.items_at(&["metadata", "finalizers"]).to_vec();
        finalizers.retain(|f| f.as_str() != Some(FINALIZER));
        if wanted && cloud {
            finalizers.push(FINALIZER.into());
        }
        if finalizers.is_empty() {
            value.remove_at(&["metadata", "finalizers"]);
        } else {
            value.set_at(&["metadata", "finalizers"], finalizers);
        }
        if wanted {
            let current = view.load_balancer.first().and_then(|p| p.ip).map(|ip| format_smolstr!("{ip}"));
            match current.filter(|ip| is_of(provider, ip, view.cluster_ip())).or_else(|| address(&service, context)) {
                Some(ip) => {
                    if view.load_balancer.is_empty() {
                        let message = format_smolstr!("Assigned IP [\"{ip}\"]");
                        match provider {
                            LoadBalancerProvider::Cloud => {
                                say(context, &service, "EnsuringLoadBalancer", "Ensuring load balancer".into());
                                say(context, &service, "EnsuredLoadBalancer", "Ensured load balancer".into());
                            }
                            LoadBalancerProvider::MetalLb => say(context, &service, "IPAllocated", message),
                            _ => {}
                        }
                    }
                    value.set_at(&["status", "loadBalancer"], value!({ "ingress": [{ "ip": ip, "ipMode": "VIP" }] }));
                }
                None => {
                    let message = "no available IPs in the load balancer's pool";
                    context.recorder.say(&service, "", true, "AllocationFailed", message, NAME, "", context.now);
                }
            }
        } else if !view.load_balancer.is_empty() {
            value.set_at(&["status", "loadBalancer"], Value::map());
        }
        if value != service.value {
            result.update(&service, value, key.field("spec.type"));
        }
        result
    }
}

fn say(context: &mut Context, service: &Object, reason: &'static str, message: SmolStr) {
    let now = context.now;
    context.recorder.say(service, "", false, reason, message, NAME, "", now);
}

/// The beginning of a provider's addresses, and the numbers that follow it.
fn pool(provider: LoadBalancerProvider) -> (&'static str, std::ops::Range<u8>) {
    match provider {
        LoadBalancerProvider::MetalLb => ("192.168.49.", 100..251),
        _ => ("203.0.113.", 10..251),
    }
}

/// Whether an address is one that this provider gives.
fn is_of(provider: LoadBalancerProvider, ip: &str, cluster_ip: Option<std::net::IpAddr>) -> bool {
    match provider {
        LoadBalancerProvider::Tunnel => cluster_ip.is_some_and(|own| own.to_string() == ip),
        _ => ip.starts_with(pool(provider).0),
    }
}

fn address(service: &Object, context: &Context) -> Option<SmolStr> {
    let view = service.view().service()?;
    let provider = context.settings.load_balancer;
    if provider == LoadBalancerProvider::Tunnel {
        return view.cluster_ip().map(|ip| format_smolstr!("{ip}"));
    }
    let taken: BTreeSet<String> = set_of(
        context
            .store
            .list("Service")
            .filter_map(|s| s.view().service())
            .flat_map(|s| s.load_balancer.iter().filter_map(|p| p.ip).map(|ip| ip.to_string())),
    );
    let asked = service.value.str_at(&["spec", "loadBalancerIP"]);
    if asked.parse::<std::net::IpAddr>().is_ok() {
        return (!taken.contains(asked)).then(|| asked.into());
    }
    let (prefix, numbers) = pool(provider);
    numbers.map(|n| format!("{prefix}{n}")).find(|ip| !taken.contains(ip)).map(SmolStr::from)
}
