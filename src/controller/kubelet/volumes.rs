//! Volumes: a pod waits for those that cannot be set up, and what is in them follows its sources.
//!
//! Upstream: `pkg/kubelet/volumemanager` with the operation executor and its exponential back-off. A try that failed is tried
//! again after half a second, then after twice as long each time, whatever happens meanwhile. A running pod's volumes are
//! filled anew when the kubelet next looks at the pod by itself.

use super::Worker;
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::apiserver::store::{Event, Store};
use crate::controller::{Enqueue, Index, Settings};
use crate::runtime::script::{Script, Surroundings};
use crate::runtime::volumes::{self, Volume, Wait, named_objects, own_volumes};
use crate::runtime::{PodSandbox, Program, command, image, nginx};
use smol_str::format_smolstr;
use std::sync::Arc;

/// From a first failure to the second try, and the longest pause.
const FIRST_PAUSE: Duration = Duration::millis(500);
const LONGEST_PAUSE: Duration = Duration::secs(122);
/// Between two looks at a claim that is not there.
const CLAIM_PAUSE: Duration = Duration::secs(12);
/// How long nginx takes to find its configuration wrong.
const ENDS_AFTER: Duration = Duration::millis(50);

/// Wakes the pods whose volumes name an object that has changed.
pub(super) fn watch(event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
    for name in index.mounting(&event.key.namespace) {
        let key = ObjectKey::new("Pod", event.key.namespace.clone(), name.clone());
        let about = |(kind, name): (&str, &str)| event.key.kind == kind && event.key.name == name;
        if store.get(&key).is_some_and(|pod| named_objects(&pod.value).any(about)) {
            enqueue(key, settings.latencies.controller);
        }
    }
}

impl Worker<'_, '_> {
    /// Sets the pod's volumes up. False: it has to wait for one.
    pub(super) fn mount(&mut self) -> bool {
        let pod = self.pod;
        if own_volumes(&pod.value).next().is_none() {
            return true;
        }
        if self.sandbox.volumes.is_empty() {
            // What no container mounts is not set up either.
            let mounts = |name: &str| {
                let mut mounts = self.sandbox.all().flat_map(|c| c.spec.items("volumeMounts"));
                mounts.any(|m| m.text("name") == name)
            };
            // Programs that nobody knows may put anything into what they can write.
            let writes = |name: &str| {
                let strangers = self.sandbox.all().filter(|c| image::find(&c.image).is_none());
                let mut mounts = strangers.flat_map(|c| c.spec.items("volumeMounts"));
                mounts.any(|m| m.text("name") == name && !m.flag("readOnly"))
            };
            let used = own_volumes(&pod.value).filter(|(_, volume)| mounts(volume.text("name")));
            let new = |(place, spec)| {
                let mut volume = Volume::new(place, spec);
                volume.unknown |= !volume.filled && writes(&volume.name);
                volume
            };
            self.sandbox.volumes = Arc::new(used.map(new).collect::<Vec<_>>()).into();
        }
        // All are tried, whichever fails.
        let count = self.sandbox.volumes.len();
        (0..count).filter(|i| !self.sandbox.volumes[*i].mounted && !self.fill(*i)).count() == 0
    }

    /// A container that starts gets its mounts, and begins with its script.
    pub(super) fn take_volumes(&mut self, init: bool, i: usize) {
        let PodSandbox { init_containers, containers, volumes, hostname, .. } = &mut self.sandbox;
        let container = if init { &mut init_containers[i] } else { &mut containers[i] };
        if !volumes.is_empty() {
            container.mounts = volumes::mounts_of(container, volumes);
            let site = nginx::of_container(container, volumes);
            container.program = match &site {
                Some(Err(_)) => Program::Exit { after: ENDS_AFTER, code: 1 },
                Some(Ok(_)) => command::program(&container.image, &container.spec),
                None => container.program.clone(),
            };
            container.site = site.map(|site| site.map(Arc::new));
        }
        if ["command", "args"].iter().all(|field| container.spec.items(field).is_empty()) {
            return;
        }
        container.script = Script::of(&container.words());
        if container.script.is_cut() {
            let places: Vec<usize> = container.mounts.iter().map(|mount| mount.volume()).collect();
            places.into_iter().for_each(|place| volumes.make_mut()[place].unknown |= !volumes[place].filled);
        }
        let around = Surroundings { hostname, now: self.now };
        container.follow_script(volumes.make_mut(), &around, self.now);
    }

    /// Goes on with what the scripts of running containers do to files.
    pub(super) fn follow_scripts(&mut self) {
        let now = self.now;
        let PodSandbox { init_containers, containers, volumes, hostname, .. } = &mut self.sandbox;
        let mut followed = false;
        for container in init_containers.iter_mut().chain(containers.iter_mut()) {
            let Some(since) = container.started_at() else { continue };
            followed |= container.follow_script(volumes.make_mut(), &Surroundings { hostname, now }, since);
        }
        if followed {
            self.sandbox.all_mut().for_each(|container| container.probes.wake(now));
        }
    }

    /// Fills what has to be filled anew, once its time has come.
    pub(super) fn refresh_volumes(&mut self) {
        for i in 0..self.sandbox.volumes.len() {
            let volume = &self.sandbox.volumes[i];
            if volume.wait.is_none() {
                if !volume.is_stale(self.context.store, self.pod) {
                    continue;
                }
                let next = self.next_sync();
                self.sandbox.volumes.make_mut()[i].wait = Some(Wait { next, delay: Duration::ZERO, failure: None });
            }
            if self.fill(i) {
                let now = self.now;
                self.sandbox.all_mut().for_each(|container| container.probes.wake(now));
            }
        }
    }

    /// Tries to fill a volume, if it is time to. False: that is still to come.
    fn fill(&mut self, i: usize) -> bool {
        let now = self.now;
        let Volume { place, wait, .. } = &self.sandbox.volumes[i];
        let Some(spec) = self.pod.value.items_at(&["spec", "volumes"]).get(*place) else { return true };
        let content = volumes::content(self.context.store, self.pod, spec, self.node_ip());
        let due = wait.as_ref().filter(|w| w.next > now).map(|w| w.next);
        match (content, due) {
            (Ok(content), None) => {
                self.sandbox.volumes.make_mut()[i].fill(content, now);
                true
            }
            (Ok(_), Some(next)) => {
                self.result.again(next);
                false
            }
            (Err(_), Some(next)) => {
                self.result.again_standing(next);
                false
            }
            (Err(failure), None) => {
                let claim = spec.get("persistentVolumeClaim").is_some();
                let delay = match wait.as_ref().map_or(Duration::ZERO, |w| w.delay) {
                    _ if claim => CLAIM_PAUSE,
                    Duration::ZERO => FIRST_PAUSE,
                    delay => (delay + delay).min(LONGEST_PAUSE),
                };
                let message = match claim {
                    true => format_smolstr!("Unable to attach or mount volumes: {}", failure.message),
                    false => format_smolstr!(
                        "MountVolume.SetUp failed for volume \"{}\" : {}",
                        spec.text("name"),
                        failure.message
                    ),
                };
                let next = now + delay;
                self.sandbox.volumes.make_mut()[i].wait = Some(Wait { next, delay, failure: Some(failure) });
                self.say("", true, "FailedMount", message);
                self.result.again_standing(next);
                false
            }
        }
    }

    /// When the kubelet next looks at the pod by itself: every pod has its own moment and, within limits, its own period.
    fn next_sync(&self) -> Time {
        let shortest = self.context.settings.latencies.kubelet_sync.0.max(1);
        let own = self.pod.uid().bytes().fold(7_u64, |h, b| h.wrapping_mul(131).wrapping_add(u64::from(b)));
        let period = shortest + own % (shortest / 2).max(1);
        let start = self.sandbox.start_at.unwrap_or_default();
        start + Duration((self.now.since(start).0 / period + 1) * period)
    }
}
