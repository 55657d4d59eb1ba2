//! CoreDNS' kubernetes plugin (`plugin/kubernetes` with `plugin/backend_lookup.go`): the names of Services, their
//! endpoints and pods, answered from the store.
//!
//! It keeps the plugin's habits where they differ from what one expects: a headless Service without ready endpoints does not
//! exist, a ClusterIP without any does; `pods insecure` believes every address; TXT of a name that exists without records is
//! NXDOMAIN. Left out: multi-cluster zones, zone transfer, `namespace_labels` and other filters.

use super::message::*;
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::view::{PodPhase, ServiceType};
use crate::apiserver::store::Store;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// What the plugin does with names of pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodMode {
    /// They do not exist (the plugin's default).
    #[default]
    Disabled,
    /// Any address in an existing namespace (what kubeadm sets).
    Insecure,
    /// Only addresses that a pod of the namespace has.
    Verified,
}

/// The plugin's options in a Corefile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Zones that it answers for, fully qualified; the first that is not a reverse zone is the cluster's domain.
    pub zones: Vec<SmolStr>,
    pub pods: PodMode,
    pub endpoint_pod_names: bool,
    pub ttl: u32,
    /// Zones whose unknown names go on to the next plugin.
    pub fallthrough: Vec<SmolStr>,
}

impl Default for Options {
    /// What kubeadm writes: `cluster.local in-addr.arpa ip6.arpa`, `pods insecure`, `ttl 30`.
    fn default() -> Options {
        Options {
            zones: vec!["cluster.local.".into(), "in-addr.arpa.".into(), "ip6.arpa.".into()],
            pods: PodMode::Insecure,
            endpoint_pod_names: false,
            ttl: 30,
            fallthrough: vec!["in-addr.arpa.".into(), "ip6.arpa.".into()],
        }
    }
}

impl Options {
    /// The cluster's domain, fully qualified.
    pub fn domain(&self) -> &str {
        self.zones.iter().find(|z| !z.ends_with(".arpa.")).map_or("cluster.local.", |z| z.as_str())
    }

    /// The zone that holds `name`: the longest that fits.
    pub fn zone_of(&self, name: &str) -> Option<&SmolStr> {
        self.zones.iter().filter(|z| is_under(name, z)).max_by_key(|z| z.len())
    }
}

/// The plugin over one state of the cluster.
pub struct Plugin<'a> {
    pub store: &'a Store,
    pub options: &'a Options,
    /// The addresses of the CoreDNS pod itself: they tell under which Services it can be reached (NS records).
    pub own: &'a [IpAddr],
    /// Asks the server as a whole for a name outside the zone (the target of an ExternalName).
    pub lookup: &'a mut dyn FnMut(&Question) -> Answer,
}

/// Why there is nothing.
enum Missing {
    /// NXDOMAIN.
    Name,
}

/// One thing found under a name, before it becomes a record.
struct Found {
    /// An address, or a name that it is an alias of.
    host: Host,
    /// `None`: no port is known.
    port: Option<u16>,
    /// The name that an SRV record points at, without the zone.
    key: SmolStr,
    because: FieldRef,
}

enum Host {
    Address(IpAddr),
    Name(SmolStr),
}

/// A name below the zone, taken apart.
#[derive(Default)]
struct Parts<'a> {
    port: &'a str,
    protocol: &'a str,
    endpoint: &'a str,
    service: &'a str,
    namespace: &'a str,
    pod: bool,
    /// The name is the zone itself, or only `svc` or `pod`: it exists, with nothing in it.
    apex: bool,
}

impl Plugin<'_> {
    /// Answers a question in one of the plugin's zones; `None`: it falls through to the next plugin.
    pub fn answer(&mut self, question: &Question) -> Option<Answer> {
        let zone = self.options.zone_of(&question.name)?.clone();
        // The zone in the case of the question: names made from it keep that case.
        let cased = &question.name[question.name.len() - zone.len()..];
        if question.kind == RecordType::Transfer {
            return Some(Answer { rcode: Rcode::Refused, ..Answer::default() });
        }
        let mut because = Vec::new();
        let mut additional = Vec::new();
        let result = match question.kind {
            RecordType::A | RecordType::Aaaa => self.addresses(question, cased, &mut Vec::new(), &mut because),
            RecordType::Txt => self.text(question, cased, &mut because),
            RecordType::Cname => self.found(question, cased).map(|found| {
                let first = found.into_iter().next();
                because.extend(first.as_ref().map(|f| f.because.clone()));
                first.and_then(|f| self.cname(question, &f)).into_iter().collect()
            }),
            RecordType::Ptr => self.pointers(question, cased, &mut because),
            RecordType::Srv => self.srv(question, cased, &mut additional, &mut because),
            RecordType::Soa if question.name.eq_ignore_ascii_case(&zone) => Ok(vec![self.soa(cased)]),
            RecordType::Soa => Ok(Vec::new()),
            // The plugin compares the name in small letters with the zone as it was written.
            RecordType::Ns if question.name.as_str() == zone.as_str() => {
                Ok(self.name_servers(question, cased, &mut additional))
            }
            RecordType::Mx => self.found(question, cased).map(|_| Vec::new()),
            RecordType::Ns | RecordType::Transfer | RecordType::Other => {
                let asked = Question { name: question.name.clone(), kind: RecordType::A };
                self.addresses(&asked, cased, &mut Vec::new(), &mut because).map(|_| Vec::new())
            }
        };
        let base = Answer { authoritative: true, ..Answer::default() };
        Some(match result {
            Err(Missing::Name) if self.options.fallthrough.iter().any(|z| is_under(&question.name, z)) => return None,
            Err(Missing::Name) => Answer { rcode: Rcode::NxDomain, authority: vec![self.soa(cased)], ..base },
            Ok(records) if records.is_empty() => Answer { authority: vec![self.soa(cased)], because, ..base },
            Ok(answer) => Answer { answer, additional, because, ..base },
        })
    }

    fn soa(&self, zone: &str) -> DnsRecord {
        let ttl = self.options.ttl;
        DnsRecord {
            name: zone.into(),
            kind: RecordType::Soa,
            ttl: ttl.min(300),
            data: format_smolstr!(
                "ns.dns.{zone} hostmaster.{zone} {} 7200 1800 86400 {ttl}",
                crate::api::time::EPOCH_SECS + self.store.revision()
            ),
        }
    }

    fn record(&self, name: &str, address: IpAddr) -> DnsRecord {
        let kind = if address.is_ipv4() { RecordType::A } else { RecordType::Aaaa };
        DnsRecord { name: name.into(), kind, ttl: self.options.ttl, data: format_smolstr!("{address}") }
    }

    fn cname(&self, question: &Question, found: &Found) -> Option<DnsRecord> {
        let Host::Name(target) = &found.host else { return None };
        let (name, data) = (question.name.clone(), fqdn(target));
        Some(DnsRecord { name, kind: RecordType::Cname, ttl: self.options.ttl, data })
    }

    /// A and AAAA, following aliases: inside the zone by itself, outside through the server.
    fn addresses(
        &mut self,
        question: &Question,
        zone: &str,
        chain: &mut Vec<DnsRecord>,
        because: &mut Vec<FieldRef>,
    ) -> Result<Vec<DnsRecord>, Missing> {
        const LONGEST_CHAIN: usize = 10;
        let mut records: Vec<DnsRecord> = Vec::new();
        for found in self.found(question, zone)? {
            if !because.contains(&found.because) {
                because.push(found.because.clone());
            }
            let Host::Address(address) = found.host else {
                let Some(alias) = self.cname(question, &found) else { continue };
                let target = alias.data.clone();
                let loops = is_under(&target, &question.name) || chain.iter().any(|c| same_alias(c, &alias));
                if loops || chain.len() > LONGEST_CHAIN {
                    continue;
                }
                let next = Question { name: target, kind: question.kind };
                if is_under(&next.name, zone) {
                    chain.push(alias.clone());
                    let below = self.addresses(&next, zone, chain, because);
                    chain.pop();
                    if let Ok(below) = below
                        && !below.is_empty()
                    {
                        records.push(alias);
                        records.extend(below);
                    }
                } else {
                    let outside = (self.lookup)(&next);
                    records.push(alias);
                    records.extend(outside.answer);
                }
                continue;
            };
            let record = self.record(&question.name, address);
            if record.kind == question.kind && !records.contains(&record) {
                records.push(record);
            }
        }
        Ok(records)
    }

    fn srv(
        &mut self,
        question: &Question,
        zone: &str,
        additional: &mut Vec<DnsRecord>,
        because: &mut Vec<FieldRef>,
    ) -> Result<Vec<DnsRecord>, Missing> {
        let found: Vec<Found> =
            self.found(question, zone)?.into_iter().filter(|f| matches!(f.host, Host::Address(_))).collect();
        // Every one weighs 100 of all; one without a port counts, though it makes no record.
        let weight = ((100.0 / (100 * found.len().max(1)) as f64) * 100.0).floor().max(1.0) as u16;
        let mut records: Vec<DnsRecord> = Vec::new();
        for found in &found {
            let (Host::Address(address), Some(port)) = (&found.host, found.port) else { continue };
            let target = format_smolstr!("{}.{zone}", found.key);
            let extra = self.record(&target, *address);
            let record = DnsRecord {
                name: question.name.clone(),
                kind: RecordType::Srv,
                ttl: self.options.ttl,
                data: format_smolstr!("0 {weight} {port} {target}"),
            };
            if !records.contains(&record) {
                records.push(record);
                because.push(found.because.clone());
            }
            if !additional.contains(&extra) {
                additional.push(extra);
            }
        }
        Ok(records)
    }

    fn text(
        &mut self,
        question: &Question,
        zone: &str,
        because: &mut Vec<FieldRef>,
    ) -> Result<Vec<DnsRecord>, Missing> {
        let name = question.name.to_ascii_lowercase();
        let below = &name[..name.len() - zone.len()];
        if below == "dns-version." {
            // The version of the DNS specification of Kubernetes, kept for eight hours.
            let (name, kind) = (question.name.clone(), RecordType::Txt);
            return Ok(vec![DnsRecord { name, kind, ttl: 28_800, data: "\"1.1.0\"".into() }]);
        }
        let found = self.records(question, zone)?;
        because.extend(found.first().map(|f| f.because.clone()));
        if found.is_empty() { Err(Missing::Name) } else { Ok(Vec::new()) }
    }

    fn pointers(
        &mut self,
        question: &Question,
        zone: &str,
        because: &mut Vec<FieldRef>,
    ) -> Result<Vec<DnsRecord>, Missing> {
        let Some(address) = reverse_address(&question.name) else {
            return self.records(question, zone).map(|_| Vec::new());
        };
        let domain = self.options.domain();
        let pointer = |data: SmolStr| DnsRecord {
            name: question.name.clone(),
            kind: RecordType::Ptr,
            ttl: self.options.ttl,
            data,
        };
        let services = self.store.list("Service");
        let owner = services
            .filter_map(|o| Some((o, o.view().service()?)))
            .find(|(_, s)| s.type_ != ServiceType::ExternalName && s.cluster_ips.contains(&address));
        if let Some((object, _)) = owner {
            because.push(object.key.field("spec.clusterIP"));
            return Ok(vec![pointer(format_smolstr!("{}.{}.svc.{domain}", object.key.name, object.key.namespace))]);
        }
        let mut records = Vec::new();
        for object in self.store.list("EndpointSlice") {
            let Some(slice) = object.view().endpoint_slice() else { continue };
            for (i, endpoint) in slice.endpoints.iter().enumerate().filter(|(_, e)| e.ready) {
                for text in endpoint.addresses.iter().filter(|a| a.parse() == Ok(address)) {
                    let host = self.endpoint_name(endpoint, text);
                    let record =
                        pointer(format_smolstr!("{host}.{}.{}.svc.{domain}", slice.service, object.key.namespace));
                    if !records.contains(&record) {
                        records.push(record);
                        because.push(object.key.field(format!("endpoints[{i}].addresses").as_str()));
                    }
                }
            }
        }
        if records.is_empty() { Err(Missing::Name) } else { Ok(records) }
    }

    /// The names of the Services that lead to this CoreDNS, with their addresses.
    fn name_servers(&self, question: &Question, zone: &str, additional: &mut Vec<DnsRecord>) -> Vec<DnsRecord> {
        let mut records = Vec::new();
        for (name, address) in self.own_services(zone) {
            additional.push(self.record(&name, address));
            let record =
                DnsRecord { name: question.name.clone(), kind: RecordType::Ns, ttl: self.options.ttl, data: name };
            if !records.contains(&record) {
                records.push(record);
            }
        }
        records
    }

    fn own_services(&self, zone: &str) -> Vec<(SmolStr, IpAddr)> {
        let mut found = Vec::new();
        let mut behind_a_service = false;
        for object in self.store.list("EndpointSlice") {
            let Some(slice) = object.view().endpoint_slice() else { continue };
            let ready = slice.endpoints.iter().filter(|e| e.ready);
            let mine = ready
                .flat_map(|e| e.addresses.iter())
                .any(|a| a.parse::<IpAddr>().is_ok_and(|address| self.own.contains(&address)));
            if !mine {
                continue;
            }
            behind_a_service = true;
            let key = ObjectKey::new("Service", object.key.namespace.clone(), slice.service.clone());
            let Some(service) = self.store.get(&key).and_then(|o| o.view().service()) else { continue };
            let name = format_smolstr!("{}.{}.svc.{zone}", key.name, key.namespace);
            if service.headless {
                for endpoint in slice.endpoints.iter().filter(|e| e.ready) {
                    for text in &endpoint.addresses {
                        let Ok(address) = text.parse() else { continue };
                        let host = self.endpoint_name(endpoint, text);
                        found.push((format_smolstr!("{host}.{name}"), address));
                    }
                }
            } else {
                found.extend(service.cluster_ips.iter().map(|ip| (name.clone(), *ip)));
            }
        }
        if !behind_a_service {
            found.extend(self.own.iter().map(|ip| (format_smolstr!("ns.dns.{zone}"), *ip)));
        }
        found
    }

    /// What [`Plugin::records`] finds, and the plugin's own name server name besides.
    fn found(&self, question: &Question, zone: &str) -> Result<Vec<Found>, Missing> {
        let own_name = question.name.len() == zone.len() + 7
            && question.name[..7].eq_ignore_ascii_case("ns.dns.")
            && !zone.bytes().any(|b| b.is_ascii_uppercase());
        if own_name {
            if !matches!(question.kind, RecordType::A | RecordType::Aaaa) {
                return Ok(Vec::new());
            }
            let found = self.own_services(zone).into_iter().map(|(name, address)| Found {
                host: Host::Address(address),
                port: None,
                key: name,
                because: FieldRef::default(),
            });
            return Ok(found.collect());
        }
        self.records(question, zone)
    }

    fn records(&self, question: &Question, zone: &str) -> Result<Vec<Found>, Missing> {
        let name = question.name.to_ascii_lowercase();
        let parts = take_apart(&name[..name.len() - zone.len()])?;
        if parts.apex {
            return Ok(Vec::new());
        }
        if is_under(&name, "in-addr.arpa.") || is_under(&name, "ip6.arpa.") {
            return Err(Missing::Name);
        }
        if !self.store.has(&ObjectKey::new("Namespace", "", parts.namespace)) {
            return Err(Missing::Name);
        }
        if parts.pod { self.pods(&parts) } else { self.services(&parts) }
    }

    fn pods(&self, parts: &Parts<'_>) -> Result<Vec<Found>, Missing> {
        if self.options.pods == PodMode::Disabled {
            return Err(Missing::Name);
        }
        if parts.service.is_empty() {
            return Ok(Vec::new());
        }
        let name = parts.service;
        let v4 = name.matches('-').count() == 3 && !name.contains("--");
        let Ok(address) = name.replace('-', if v4 { "." } else { ":" }).parse::<IpAddr>() else {
            return Err(Missing::Name);
        };
        let address = address.to_canonical();
        let found = |because| Found {
            host: Host::Address(address),
            port: Some(0),
            key: format_smolstr!("{name}.{}.pod", parts.namespace),
            because,
        };
        if self.options.pods == PodMode::Insecure {
            return Ok(vec![found(ObjectKey::new("Namespace", "", parts.namespace).field("metadata.name"))]);
        }
        let alive = |o: &&std::sync::Arc<Object>| {
            o.view().pod().is_some_and(|p| {
                p.ip == Some(address)
                    && !p.terminating
                    && !matches!(p.phase, PodPhase::Succeeded | PodPhase::Failed | PodPhase::Unknown)
            })
        };
        match self.store.list_in("Pod", parts.namespace).find(alive) {
            Some(pod) => Ok(vec![found(pod.key.field("status.podIP"))]),
            None => Err(Missing::Name),
        }
    }

    fn services(&self, parts: &Parts<'_>) -> Result<Vec<Found>, Missing> {
        if parts.service.is_empty() {
            return Ok(Vec::new());
        }
        let key = ObjectKey::new("Service", parts.namespace, parts.service);
        let Some(service) = self.store.get(&key).and_then(|o| o.view().service()) else { return Err(Missing::Name) };
        let name = format_smolstr!("{}.{}.svc", key.name, key.namespace);
        if service.type_ == ServiceType::ExternalName {
            let qualified = !parts.endpoint.is_empty() || !parts.port.is_empty() || !parts.protocol.is_empty();
            // An address is no name that one could be an alias of.
            if qualified || service.external_name.parse::<IpAddr>().is_ok() {
                return Err(Missing::Name);
            }
            return Ok(vec![Found {
                host: Host::Name(service.external_name.clone()),
                port: Some(0),
                key: name,
                because: key.field("spec.externalName"),
            }]);
        }
        let wanted = |port: &str, protocol: &str| {
            (parts.port.is_empty() || parts.port.eq_ignore_ascii_case(port))
                && (parts.protocol.is_empty() || parts.protocol.eq_ignore_ascii_case(protocol))
        };
        let mut found = Vec::new();
        if service.headless || !parts.endpoint.is_empty() {
            self.endpoints(parts, &name, wanted, &mut found);
        } else {
            for port in service.ports.iter().filter(|p| wanted(&p.name, p.protocol.upper())) {
                found.extend(service.cluster_ips.iter().map(|ip| Found {
                    host: Host::Address(*ip),
                    port: Some(port.port),
                    key: name.clone(),
                    because: key.field("spec.clusterIP"),
                }));
            }
        }
        if found.is_empty() { Err(Missing::Name) } else { Ok(found) }
    }

    fn endpoints(&self, parts: &Parts<'_>, name: &str, wanted: impl Fn(&str, &str) -> bool, found: &mut Vec<Found>) {
        let selector = [("kubernetes.io/service-name".into(), parts.service.into())];
        for object in self.store.select("EndpointSlice", parts.namespace, &selector) {
            let Some(slice) = object.view().endpoint_slice() else { continue };
            for (i, endpoint) in slice.endpoints.iter().enumerate().filter(|(_, e)| e.ready) {
                for text in &endpoint.addresses {
                    let host = self.endpoint_name(endpoint, text);
                    if !parts.endpoint.is_empty() && !parts.endpoint.eq_ignore_ascii_case(&host) {
                        continue;
                    }
                    let Ok(address) = text.parse::<IpAddr>() else { continue };
                    let mut add = |port| {
                        found.push(Found {
                            host: Host::Address(address),
                            port,
                            key: format_smolstr!("{host}.{name}"),
                            because: object.key.field(format!("endpoints[{i}].addresses").as_str()),
                        })
                    };
                    // A slice without ports still gives its addresses to who asks for no port.
                    if slice.ports.is_empty() && wanted("", "") {
                        add(None);
                    }
                    for port in slice.ports.iter().filter(|p| wanted(&p.name, p.protocol.upper())) {
                        add(port.port);
                    }
                }
            }
        }
    }

    /// The label of an endpoint below its Service: its hostname, else (if so configured) its pod's name, else its address
    /// with dashes.
    fn endpoint_name(&self, endpoint: &crate::api::view::Endpoint, address: &str) -> SmolStr {
        if !endpoint.hostname.is_empty() {
            return endpoint.hostname.clone();
        }
        if self.options.endpoint_pod_names
            && let Some(target) = endpoint.target.as_ref().filter(|t| !t.name.is_empty() && t.name.len() < 64)
        {
            return target.name.clone();
        }
        let dashed = address.replace(['.', ':'], "-");
        if dashed.ends_with('-') { format_smolstr!("{dashed}0") } else { dashed.into() }
    }
}

fn same_alias(a: &DnsRecord, b: &DnsRecord) -> bool {
    a.name.eq_ignore_ascii_case(&b.name) && a.data.eq_ignore_ascii_case(&b.data)
}

/// Takes the part of a name below the zone apart: `[endpoint.|_port._protocol.]service.namespace.{svc|pod}.`
fn take_apart(below: &str) -> Result<Parts<'_>, Missing> {
    let below = below.strip_suffix('.').unwrap_or(below);
    if matches!(below, "" | "svc" | "pod") {
        return Ok(Parts { apex: true, ..Parts::default() });
    }
    let mut labels = below.rsplit('.');
    let mut parts = Parts {
        pod: match labels.next() {
            Some("pod") => true,
            Some("svc") => false,
            _ => return Err(Missing::Name),
        },
        namespace: labels.next().unwrap_or(""),
        service: labels.next().unwrap_or(""),
        ..Parts::default()
    };
    let bare = |label: &'_ str| label.len() - label.strip_prefix('_').unwrap_or(label).len();
    match (labels.next(), labels.next(), labels.next()) {
        (None, ..) => {}
        (Some(endpoint), None, _) => parts.endpoint = endpoint,
        (Some(protocol), Some(port), None) => {
            parts.protocol = &protocol[bare(protocol)..];
            parts.port = &port[bare(port)..];
        }
        _ => return Err(Missing::Name),
    }
    Ok(parts)
}
