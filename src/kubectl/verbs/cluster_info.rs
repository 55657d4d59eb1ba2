//! `kubectl cluster-info`.

use super::{Act, CLUSTER, Verb};
use crate::kubectl::call::{Call, Next, own};

pub const VERB: Verb = Verb {
    names: &["cluster-info"],
    group: CLUSTER,
    short: "Display cluster information",
    usage: "",
    examples: "# Where the control plane is\nkubectl cluster-info",
    flags: &["all-namespaces,A namespaces= output,o= output-directory= pod-running-timeout~"],
    act: Act::Run(|call: &mut Call| {
        if call.flags.args.first().is_some_and(|a| a == "dump") {
            return Err(own("cluster-info dump is not simulated here; kubectl get all -A -o yaml shows every object"));
        }
        let server = call.cluster.settings().nodes.first().map_or(String::new(), |n| format!("https://{}:8443", n.ip));
        call.say(format!("Kubernetes control plane is running at {server}"));
        let dns = crate::api::object::ObjectKey::new("Service", "kube-system", "kube-dns");
        if call.cluster.store().get(&dns).is_some() {
            call.say(format!(
                "CoreDNS is running at {server}/api/v1/namespaces/kube-system/services/kube-dns:dns/proxy"
            ));
        }
        call.say("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.");
        Ok(Next::Done(0))
    }),
};
