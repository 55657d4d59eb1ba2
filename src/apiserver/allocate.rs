//! Allocation of cluster IPs and node ports (`pkg/registry/core/service/storage/{alloc,storage}.go`, `ipallocator`,
//! `portallocator`).
//!
//! What is taken follows from the Services in the store; the allocator keeps it in two sets that it brings up to date from
//! the watch events, so that a Service that anybody deletes gives back what it held. Both ranges have a static band at
//! their lower end, which automatic allocation leaves alone while there is room above. Left out: ServiceCIDR and IPAddress
//! objects, and the repair loops.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::status::Status;
use crate::apiserver::store::Store;
use crate::apiserver::validation::service::{needs_health_check, validate_cluster_ips};
use crate::apiserver::validation::{Errors, ip};
use crate::apiserver::write::Random;
use crate::arrange::set_of;
use imbl::OrdMap;
use ipnet::IpNet;
use smol_str::{SmolStr, ToSmolStr};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// What is chosen when a cluster is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    /// `--service-cluster-ip-range`: one range, or two of different families on a dual-stack cluster. The first one is the
    /// default family.
    pub service_cidrs: Vec<IpNet>,
    /// `--service-node-port-range`.
    pub node_ports: RangeInclusive<u16>,
}

impl Default for Ranges {
    fn default() -> Ranges {
        let cidr = IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(10, 96, 0, 0)), 12);
        Ranges { service_cidrs: vec![cidr], node_ports: 30_000..=32_767 }
    }
}

impl Ranges {
    /// A cluster with both families: `fd00:10:96::/112` beside the default range.
    pub fn dual_stack() -> Ranges {
        let v6 = IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(0xfd00, 0x10, 0x96, 0, 0, 0, 0, 0)), 112);
        let mut ranges = Ranges::default();
        ranges.service_cidrs.push(v6);
        ranges
    }
}

/// What a Service may hold for itself alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holding {
    ClusterIp(IpAddr),
    /// For its ports or for health checks.
    NodePort(u16),
}

/// Who holds what.
#[derive(Clone, Debug, Default)]
pub struct Allocator {
    pub ranges: Ranges,
    /// Counted, since one Service may hold a node port for two protocols.
    held: OrdMap<Holding, u32>,
    /// The revision up to which this is right.
    seen: u64,
}

/// What one request takes and gives back while it is worked on.
struct Operation<'a> {
    allocator: &'a mut Allocator,
    random: &'a mut Random,
    /// A server-side dry run does not check the range of node ports, nor whether a cluster IP is taken.
    dry_run: bool,
    /// The node ports that a dry run pretends to have taken.
    pretended: BTreeSet<u16>,
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

fn invalid(service: &Value, errors: Errors) -> Status {
    Status::invalid("", "Service", service.str_at(&["metadata", "name"]), errors.0)
}

fn one_error(service: &Value, path: &Path, value: &Value, detail: &str) -> Status {
    let mut errors = Errors::default();
    errors.invalid(path, value, detail);
    invalid(service, errors)
}

impl Allocator {
    pub fn new(ranges: Ranges) -> Allocator {
        Allocator { ranges, ..Allocator::default() }
    }

    /// Fills in what a new Service needs (`allocateCreate`).
    pub fn create(
        &mut self,
        store: &Store,
        random: &mut Random,
        service: &mut Value,
        dry_run: bool,
    ) -> Result<(), Status> {
        self.catch_up(store);
        let spec = service.map_mut().entry("spec");
        if !spec.text("clusterIP").is_empty() && spec.items("clusterIPs").is_empty() {
            let ip = spec.text("clusterIP").to_smolstr();
            spec.map_mut().insert("clusterIPs", Value::list(vec![ip.into()]));
        }
        self.families(service, None)?;
        let mut operation = Operation { allocator: self, random, dry_run, pretended: BTreeSet::new() };
        operation.cluster_ips(service)?;
        operation.node_ports(service)?;
        if needs_health_check(service.get("spec").unwrap_or(&Value::Null)) {
            operation.health_check(service)?;
        }
        Ok(())
    }

    /// Fills in what a changed Service needs beyond what the old one holds (`beginUpdate`).
    pub fn update(
        &mut self,
        store: &Store,
        random: &mut Random,
        service: &mut Value,
        old: &Value,
        dry_run: bool,
    ) -> Result<(), Status> {
        self.catch_up(store);
        let null = Value::Null;
        let before = old.get("spec").unwrap_or(&null);
        keep_allocated(service.map_mut().entry("spec"), before);
        keep_in_step(service.map_mut().entry("spec"), before);
        self.families(service, Some(before))?;
        let mut operation = Operation { allocator: self, random, dry_run, pretended: BTreeSet::new() };
        operation.update_cluster_ips(service, before)?;
        if matches!(service.str_at(&["spec", "type"]), "NodePort" | "LoadBalancer") {
            operation.update_node_ports(service, before)?;
        }
        let needs = needs_health_check(service.get("spec").unwrap_or(&null));
        if needs && !needs_health_check(before) {
            operation.health_check(service)?;
        }
        Ok(())
    }

    /// Whether a cluster IP is free, for who installs a cluster's own Services.
    pub fn is_free(&mut self, store: &Store, address: IpAddr) -> bool {
        self.catch_up(store);
        !self.is_held(Holding::ClusterIp(address))
    }

    fn is_held(&self, what: Holding) -> bool {
        self.held.contains_key(&what)
    }

    /// Keeps it from others until the store says who holds it.
    fn hold(&mut self, what: Holding) {
        self.held.insert(what, 0);
    }

    /// Brings what is held up to date with the store.
    fn catch_up(&mut self, store: &Store) {
        if self.seen == store.revision() {
            return;
        }
        let complete = store.revision() > self.seen
            && store.events_since(self.seen).next().is_some_and(|e| e.revision == self.seen + 1);
        if complete {
            for event in store.events_since(self.seen).filter(|e| e.key.kind == "Service") {
                event.old.iter().for_each(|o| self.count(&o.value, -1));
                event.new.iter().for_each(|o| self.count(&o.value, 1));
            }
        } else {
            self.held = OrdMap::new();
            store.list("Service").for_each(|o| self.count(&o.value, 1));
        }
        self.seen = store.revision();
    }

    fn count(&mut self, service: &Value, by: i32) {
        let mut change = |what: Holding| {
            let now = self.held.get(&what).copied().unwrap_or(0).saturating_add_signed(by);
            if now == 0 {
                self.held.remove(&what)
            } else {
                self.held.insert(what, now)
            };
        };
        let spec = service.get("spec").unwrap_or(&Value::Null);
        for ip in spec.items("clusterIPs").iter().filter_map(|ip| ip::parse_sloppy(ip.as_str()?)) {
            change(Holding::ClusterIp(ip.to_canonical()));
        }
        let node_ports = spec.items("ports").iter().map(|p| p.int("nodePort"));
        for port in node_ports.chain([spec.int("healthCheckNodePort")]) {
            if let Ok(port @ 1..) = u16::try_from(port) {
                change(Holding::NodePort(port));
            }
        }
    }

    fn cidr(&self, of: &str) -> Option<IpNet> {
        self.ranges.service_cidrs.iter().find(|c| family(c.addr()) == of).copied()
    }

    /// Makes policy and families definite (`initIPFamilyFields`).
    fn families(&self, service: &mut Value, old: Option<&Value>) -> Result<(), Status> {
        let path = Path::root("spec");
        let policy_path = path.child("ipFamilyPolicy");
        let (ips_path, families_path) = (path.child("clusterIPs"), path.child("ipFamilies"));
        let spec = service.map_mut().entry("spec");
        if spec.text("type") == "ExternalName" || old.is_some_and(|old| prefers_the_same(spec, old)) {
            return Ok(());
        }
        let free_choice = spec.text("clusterIP") == "None" && spec.entries("selector").next().is_none();
        if spec.field("ipFamilyPolicy").is_none() {
            let policy = match old.and_then(|o| o.field("ipFamilyPolicy")) {
                Some(policy) => policy.clone(),
                None if free_choice => "RequireDualStack".into(),
                None => "SingleStack".into(),
            };
            spec.map_mut().insert("ipFamilyPolicy", policy);
        }
        let mut errors = Errors::default();
        validate_cluster_ips(&mut errors, spec);
        if !errors.is_empty() {
            return Err(invalid(service, errors));
        }
        let policy = spec.get("ipFamilyPolicy").cloned().unwrap_or_default();
        let single = policy.as_str() == Some("SingleStack");
        if let Some(old) = old {
            for (key, what) in [("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")] {
                let (before, after) = (old.items(key), spec.items(key));
                if single && before == after && after.len() > 1 {
                    spec.map_mut().entry(key).list_mut().truncate(1);
                } else if !single && !after.is_empty() && after.len() < before.len() {
                    let reason = format!("must be 'SingleStack' to release the secondary {what}");
                    errors.invalid(&policy_path, &policy, &reason);
                }
            }
        }
        if single {
            for (key, what) in [("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")] {
                if spec.items(key).len() == 2 {
                    let reason =
                        format!("must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified");
                    errors.invalid(&policy_path, &policy, &reason);
                }
            }
        }
        let ips = spec.items("clusterIPs").to_vec();
        for (i, address) in ips.iter().enumerate().take_while(|(_, ip)| ip.as_str() != Some("None")) {
            if i < spec.items("ipFamilies").len() {
                continue;
            }
            let Some(of) = address.as_str().and_then(ip::parse_sloppy).map(family) else { continue };
            if self.cidr(of).is_none() {
                let reason = format!("{of} is not configured on this cluster");
                errors.invalid(&ips_path.index(i), &Value::list(ips.clone()), &reason);
            } else {
                spec.map_mut().entry("ipFamilies").list_mut().push(of.into());
            }
        }
        if !errors.is_empty() {
            return Err(invalid(service, errors));
        }
        let other = |spec: &Value| {
            if spec.items("ipFamilies").first().and_then(Value::as_str) == Some("IPv4") { "IPv6" } else { "IPv4" }
        };
        let default = self.ranges.service_cidrs.first().map_or("IPv4", |c| family(c.addr()));
        if free_choice {
            let families = spec.map_mut().entry("ipFamilies").list_mut();
            if families.is_empty() {
                families.push(default.into());
            }
            if families.len() < 2 && !single {
                let second = other(spec);
                spec.map_mut().entry("ipFamilies").list_mut().push(second.into());
            }
            return Ok(());
        }
        let dual = self.ranges.service_cidrs.len() > 1;
        if policy.as_str() == Some("RequireDualStack") && !dual {
            errors.invalid(&policy_path, &policy, "this cluster is not configured for dual-stack services");
        }
        for (i, of) in spec.items("ipFamilies").iter().enumerate() {
            if self.cidr(of.as_str().unwrap_or("")).is_none() {
                errors.invalid(&families_path.index(i), of, "not configured on this cluster");
            }
        }
        if !errors.is_empty() {
            return Err(invalid(service, errors));
        }
        let spec = service.map_mut().entry("spec");
        let families = spec.map_mut().entry("ipFamilies").list_mut();
        if families.is_empty() {
            families.push(default.into());
        }
        if !single && families.len() == 1 && dual {
            let second = other(spec);
            spec.map_mut().entry("ipFamilies").list_mut().push(second.into());
        }
        Ok(())
    }
}

/// `PreferDualStack` before and after with the same addresses: a cluster that became dual-stack changes nothing by itself.
fn prefers_the_same(new: &Value, old: &Value) -> bool {
    let prefers = |policy: Option<&Value>| policy.is_some_and(|p| p.as_str() == Some("PreferDualStack"));
    prefers(new.field("ipFamilyPolicy"))
        && (old.field("ipFamilyPolicy").is_none() || prefers(old.field("ipFamilyPolicy")))
        && new.text("type") == old.text("type")
        && matches!(new.text("type"), "ClusterIP" | "NodePort" | "LoadBalancer")
        && new.items("clusterIPs") == old.items("clusterIPs")
        && new.items("ipFamilies") == old.items("ipFamilies")
}

/// A change that leaves out what was allocated keeps it (`patchAllocatedValues`).
fn keep_allocated(new: &mut Value, old: &Value) {
    let typed = |spec: &Value, types: &[&str]| types.contains(&spec.text("type"));
    let with_ip = |spec: &Value| typed(spec, &["ClusterIP", "NodePort", "LoadBalancer"]);
    if with_ip(old) && with_ip(new) {
        if new.text("clusterIP").is_empty() && !old.text("clusterIP").is_empty() {
            let ip = old.text("clusterIP").to_smolstr();
            new.map_mut().insert("clusterIP", ip);
        }
        if new.items("clusterIPs").is_empty() && new.text("clusterIP") == old.text("clusterIP") {
            copy_list(new, old, "clusterIPs");
        }
    }
    if allocates_node_ports(old) && allocates_node_ports(new) {
        let numbers = |spec: &Value| -> Vec<i64> {
            spec.items("ports").iter().map(|p| p.int("nodePort")).filter(|n| *n != 0).collect()
        };
        let after = numbers(new);
        let used: Vec<i64> = numbers(old).into_iter().filter(|n| after.contains(n)).collect();
        crate::apiserver::defaulting::service::each_port(new, |port| {
            if port.int("nodePort") != 0 {
                return;
            }
            let same_name = |p: &&Value| p.text("name") == port.text("name");
            let number = old.items("ports").iter().rev().find(same_name).map_or(0, |p| p.int("nodePort"));
            if number != 0 && !used.contains(&number) {
                port.map_mut().insert("nodePort", number);
            }
        });
    }
    let port = old.int("healthCheckNodePort");
    if needs_health_check(old) && needs_health_check(new) && new.int("healthCheckNodePort") == 0 && port != 0 {
        new.map_mut().insert("healthCheckNodePort", port);
    }
}

fn copy_list(new: &mut Value, old: &Value, key: &str) {
    match old.field(key) {
        Some(list) => drop(new.map_mut().insert(key, list.clone())),
        None => drop(new.map_mut().remove(key)),
    }
}

/// `clusterIP` and `clusterIPs` say the same when only one of them was changed (`normalizeClusterIPs`).
fn keep_in_step(new: &mut Value, old: &Value) {
    let (before, after) = (old.text("clusterIP").to_smolstr(), new.text("clusterIP").to_smolstr());
    if !old.items("clusterIPs").is_empty() && new.items("clusterIPs").is_empty() && before == after {
        copy_list(new, old, "clusterIPs");
    }
    if before == after {
        return;
    }
    let same = new.items("clusterIPs") == old.items("clusterIPs");
    if !before.is_empty() && after.is_empty() {
        if same {
            new.map_mut().remove("clusterIPs");
        }
    } else if same || new.items("clusterIPs").is_empty() {
        new.map_mut().insert("clusterIPs", Value::list(vec![after.into()]));
    }
}

impl Operation<'_> {
    /// One address for every family (`allocClusterIPs`).
    fn cluster_ips(&mut self, service: &mut Value) -> Result<(), Status> {
        let spec = service.get("spec").unwrap_or(&Value::Null);
        let headless = spec.items("clusterIPs").first().and_then(Value::as_str) == Some("None");
        if spec.text("type") == "ExternalName" || headless {
            return Ok(());
        }
        let wanted = spec.items("clusterIPs").to_vec();
        let mut ips: Vec<Value> = Vec::new();
        for (i, of) in spec.items("ipFamilies").iter().enumerate() {
            let wanted = wanted.get(i).and_then(Value::as_str).unwrap_or("");
            let ip = self.cluster_ip(service, of.as_str().unwrap_or(""), wanted)?;
            ips.push(ip.into());
        }
        let spec = service.map_mut().entry("spec");
        if let Some(first) = ips.first().cloned() {
            spec.map_mut().insert("clusterIP", first);
            spec.map_mut().insert("clusterIPs", Value::list(ips));
        }
        Ok(())
    }

    fn cluster_ip(&mut self, service: &Value, of: &str, wanted: &str) -> Result<SmolStr, Status> {
        let Some(cidr) = self.allocator.cidr(of) else {
            return Err(Status::internal(format!("failed to allocate a serviceIP: no range of family {of}")));
        };
        // The address becomes an object of its own that names the Service.
        let nameless = service.str_at(&["metadata", "name"]).is_empty() && !self.dry_run;
        let no_parent =
            |ip: &str| format!("IPAddress.networking.k8s.io {ip:?} is invalid: spec.parentRef.name: Required value");
        if wanted.is_empty() {
            let ip =
                self.next_ip(cidr).ok_or_else(|| Status::internal("failed to allocate a serviceIP: range is full"))?;
            if nameless {
                let (path, ip) = (Path::root("spec"), ip.to_smolstr());
                let why = format!("failed to allocate IP: {}", no_parent(&ip));
                return Err(one_error(service, &path.child("clusterIPs"), &Value::list(vec!["".into()]), &why));
            }
            return Ok(ip.to_smolstr());
        }
        let path = Path::root("spec");
        let refuse = |why: &str| {
            let ips = Value::list(service.items_at(&["spec", "clusterIPs"]).to_vec());
            Err(one_error(service, &path.child("clusterIPs"), &ips, &format!("failed to allocate IP {wanted}: {why}")))
        };
        let Some(address) = ip::parse_sloppy(wanted) else { return refuse("the provided IP is not valid") };
        let address = address.to_canonical();
        if !cidr.contains(&address) && !self.dry_run {
            return refuse("the provided network does not match the current range");
        }
        let edge = address == cidr.network() || address == cidr.broadcast() && address.is_ipv4();
        if !cidr.contains(&address) || edge {
            let why = format!(
                "the provided IP ({address}) is not in the valid range. The range of valid IPs is {}",
                cidr.trunc()
            );
            return refuse(&why);
        }
        if self.dry_run {
            return Ok(wanted.into());
        }
        if nameless {
            return refuse(&no_parent(wanted));
        }
        if self.allocator.is_held(Holding::ClusterIp(address)) {
            return refuse("provided IP is already allocated");
        }
        self.allocator.hold(Holding::ClusterIp(address));
        Ok(wanted.into())
    }

    /// A random free address above the static band, or in it when nothing else is left.
    fn next_ip(&mut self, cidr: IpNet) -> Option<IpAddr> {
        let bits = u32::from(cidr.max_prefix_len() - cidr.prefix_len());
        // Like the real allocator, never more than 2¹⁶ addresses of an IPv6 range; network and broadcast are left out.
        let size: u64 = if bits >= 63 { 1 << 62 } else { 1 << bits };
        let size = if cidr.addr().is_ipv6() { size.min(1 << 16) } else { size.saturating_sub(1) }.saturating_sub(1);
        let band = if size < 16 { 0 } else { (size / 16).clamp(16, 256) };
        let address = |offset: u64| match cidr.network() {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4).wrapping_add(offset as u32 + 1))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6).wrapping_add(u128::from(offset) + 1))),
        };
        for (low, high) in [(band, size), (0, band)] {
            let span = high - low;
            if span == 0 {
                continue;
            }
            let start = self.random.below(span);
            let free = (0..span)
                .map(|step| address(low + (start + step) % span))
                .find(|ip| !self.allocator.is_held(Holding::ClusterIp(*ip)));
            if let Some(ip) = free {
                self.allocator.hold(Holding::ClusterIp(ip));
                return Some(ip);
            }
        }
        None
    }

    /// Addresses that come and go with a change (`updateClusterIPs`); what is released goes with the write.
    fn update_cluster_ips(&mut self, service: &mut Value, old: &Value) -> Result<(), Status> {
        let spec = service.get("spec").unwrap_or(&Value::Null);
        if prefers_the_same(spec, old) {
            return Ok(());
        }
        if old.text("type") == "ExternalName" && spec.text("type") != "ExternalName" {
            return self.cluster_ips(service);
        }
        if old.items("clusterIPs").first().and_then(Value::as_str) == Some("None") {
            return Ok(());
        }
        let families = spec.items("ipFamilies");
        if spec.text("type") != "ExternalName" && old.items("ipFamilies").len() == 1 && families.len() == 2 {
            let wanted = spec.items("clusterIPs").get(1).and_then(Value::as_str).unwrap_or("").to_smolstr();
            let of = families[1].as_str().unwrap_or("").to_smolstr();
            let ip = self.cluster_ip(service, &of, &wanted)?;
            let ips = service.map_mut().entry("spec").map_mut().entry("clusterIPs").list_mut();
            ips.truncate(1);
            ips.push(ip.into());
        }
        Ok(())
    }

    /// Node ports of a new Service; ports of one number share one (`initNodePorts`).
    fn node_ports(&mut self, service: &mut Value) -> Result<(), Status> {
        let spec = service.get("spec").unwrap_or(&Value::Null);
        if !matches!(spec.text("type"), "NodePort" | "LoadBalancer") {
            return Ok(());
        }
        let automatic = allocates_node_ports(spec);
        let mut ports = spec.items("ports").to_vec();
        let mut by_port: BTreeMap<i64, i64> = BTreeMap::new();
        let mut asked: BTreeMap<i64, i64> = BTreeMap::new();
        for port in ports.iter().filter(|p| p.int("nodePort") != 0) {
            asked.entry(port.int("port")).or_insert_with(|| port.int("nodePort"));
        }
        for (i, port) in ports.iter_mut().enumerate() {
            let (number, wanted) = (port.int("port"), port.int("nodePort"));
            if wanted == 0 && !automatic {
                continue;
            }
            let held = by_port.get(&number).copied().unwrap_or(0);
            if held == 0 {
                let node_port = match asked.get(&number) {
                    Some(asked) => self.take_port(service, i, *asked)?,
                    None => self.next_port()?,
                };
                port.map_mut().insert("nodePort", node_port);
                by_port.insert(number, node_port);
            } else if wanted == 0 {
                port.map_mut().insert("nodePort", held);
            } else if wanted != held {
                self.take_port(service, i, wanted)?;
            }
        }
        service.set_at(&["spec", "ports"], Value::list(ports));
        Ok(())
    }

    /// Node ports of a changed Service (`updateNodePorts`).
    fn update_node_ports(&mut self, service: &mut Value, old: &Value) -> Result<(), Status> {
        let spec = service.get("spec").unwrap_or(&Value::Null);
        let automatic = allocates_node_ports(spec);
        let before: BTreeSet<i64> = set_of(old.items("ports").iter().map(|p| p.int("nodePort")));
        let mut ports = spec.items("ports").to_vec();
        let (mut seen, mut taken): (BTreeSet<(SmolStr, i64)>, BTreeSet<i64>) = Default::default();
        for (i, port) in ports.iter_mut().enumerate() {
            let wanted = port.int("nodePort");
            if wanted == 0 && !automatic {
                continue;
            }
            let node_port = if wanted == 0 {
                self.next_port()?
            } else {
                if !before.contains(&wanted) && !taken.contains(&wanted) {
                    self.take_port(service, i, wanted)?;
                    taken.insert(wanted);
                }
                wanted
            };
            port.map_mut().insert("nodePort", node_port);
            let pair = (SmolStr::from(port.text("protocol")), node_port);
            if seen.contains(&pair) {
                return Err(Status::unknown(format!("duplicate nodePort: {{{} {}}}", pair.0, pair.1)));
            }
            seen.insert(pair);
        }
        if !ports.is_empty() {
            service.set_at(&["spec", "ports"], Value::list(ports));
        }
        Ok(())
    }

    fn take_port(&mut self, service: &Value, index: usize, number: i64) -> Result<i64, Status> {
        self.allocate_port(number).map_err(|why| {
            let path = Path::root("spec");
            let ports = path.child("ports");
            let port = ports.index(index);
            one_error(service, &port.child("nodePort"), &number.into(), &why)
        })?;
        Ok(number)
    }

    fn allocate_port(&mut self, number: i64) -> Result<(), String> {
        let port = u16::try_from(number).unwrap_or(0);
        let range = &self.allocator.ranges.node_ports;
        if !self.dry_run && !range.contains(&port) {
            return Err(format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                range.start(),
                range.end()
            ));
        }
        if self.allocator.is_held(Holding::NodePort(port)) || self.pretended.contains(&port) {
            return Err("provided port is already allocated".into());
        }
        if self.dry_run {
            self.pretended.insert(port);
            return Ok(());
        }
        self.allocator.hold(Holding::NodePort(port));
        Ok(())
    }

    /// A random free port above the static band, or in it when nothing else is left.
    fn next_port(&mut self) -> Result<i64, Status> {
        if self.dry_run {
            // A number that no range has: it says that there will be one.
            let port = self.pretended.last().map_or(32_769, |last| last.saturating_add(1));
            self.pretended.insert(port);
            return Ok(port.into());
        }
        let (start, end) = (*self.allocator.ranges.node_ports.start(), *self.allocator.ranges.node_ports.end());
        let size = u64::from(end.saturating_sub(start)) + 1;
        let band = if size < 16 { 0 } else { (size / 32).clamp(16, 128) };
        for (low, high) in [(band, size), (0, band)] {
            let span = high - low;
            if span == 0 {
                continue;
            }
            let first = self.random.below(span);
            let free = (0..span)
                .map(|step| start.saturating_add((low + (first + step) % span) as u16))
                .find(|port| !self.allocator.is_held(Holding::NodePort(*port)));
            if let Some(port) = free {
                self.allocator.hold(Holding::NodePort(port));
                return Ok(port.into());
            }
        }
        Err(Status::internal("failed to allocate a nodePort: range is full"))
    }

    /// The port on which a load balancer asks a node for local endpoints (`allocHealthCheckNodePort`).
    fn health_check(&mut self, service: &mut Value) -> Result<(), Status> {
        let wanted = service.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap_or(0);
        if wanted == 0 {
            let port = self.next_port()?;
            service.set_at(&["spec", "healthCheckNodePort"], port);
            return Ok(());
        }
        self.allocate_port(wanted).map_err(|why| {
            Status::internal(format!("failed to allocate requested HealthCheck NodePort {wanted}: {why}"))
        })
    }
}

fn allocates_node_ports(spec: &Value) -> bool {
    match spec.text("type") {
        "NodePort" => true,
        "LoadBalancer" => spec.field("allocateLoadBalancerNodePorts").and_then(Value::as_bool).unwrap_or(true),
        _ => false,
    }
}
