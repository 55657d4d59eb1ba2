//! Images: where they come from, and what happens when they do not come.
//!
//! Upstream: `pkg/kubelet/images/image_manager.go`, and `doBackOff` for containers that crash. Every look at a pod that is in
//! back-off tells of that; here they are counted when somebody asks, like probes that rest.

use super::Worker;
use super::lifecycle::{FIRST_BACK_OFF, LONGEST_BACK_OFF};
use super::status::full_image;
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::controller::Recorder;
use crate::runtime::{ContainerState, PodSandbox};
use smol_str::{SmolStr, format_smolstr};

/// From a pull that failed to the next look at the pod: its sandbox is news the first time, later it is the kubelet's own
/// time for what has failed.
const FIRST_LOOK: Duration = Duration::secs(1);
const LATER_LOOK: Duration = Duration::secs(12);

const FAILED: &str = "ErrImagePull";
const BACK_OFF: &str = "ImagePullBackOff";
pub(super) const CRASH_LOOP: &str = "CrashLoopBackOff";

/// Between two looks at a pod that waits for a restart: the kubelet sleeps until then (`completeWork` takes the back-off's
/// end), but for no longer than its resync interval, with up to half of it more.
const RESTART_LOOK: Duration = Duration::secs(75);

/// Counts the looks at containers that wait for the next try to pull their image, or for their restart.
pub(super) fn count_waiting(pod: &ObjectKey, sandbox: &PodSandbox, recorder: &mut Recorder, now: Time) {
    for container in sandbox.all() {
        let ContainerState::Waiting { reason, .. } = &container.state else { continue };
        if reason == CRASH_LOOP {
            recorder.repeat(
                pod,
                "BackOff",
                restart_message(pod, sandbox.pod.uid(), &container.name),
                RESTART_LOOK,
                now,
            );
        } else if reason == BACK_OFF {
            recorder.repeat(pod, "BackOff", back_off_message(&container.image), LATER_LOOK, now);
            recorder.repeat(pod, "Failed", error_message(BACK_OFF), LATER_LOOK, now);
        }
    }
}

/// What the kubelet says of a container that waits for its restart.
pub(super) fn restart_message(pod: &ObjectKey, uid: &str, container: &str) -> SmolStr {
    format_smolstr!("Back-off restarting failed container {container} in pod {}_{}({uid})", pod.name, pod.namespace)
}

fn back_off_message(image: &str) -> SmolStr {
    format_smolstr!("Back-off pulling image \"{image}\"")
}

fn error_message(reason: &str) -> SmolStr {
    format_smolstr!("Error: {reason}")
}

impl Worker<'_, '_> {
    /// Where the image came from: the registry, or the node had it.
    pub(super) fn say_pulled(&mut self, field: &SmolStr, image: &str, pulled: Option<Duration>) {
        let message = match pulled {
            Some(time) => {
                self.say_of(field.clone(), false, "Pulling", format_smolstr!("Pulling image \"{image}\""));
                let short = time < Duration::secs(1);
                let took = if short { format!("{}ms", time.as_millis()) } else { format!("{}s", time.as_secs_f64()) };
                let size = image_size(image);
                format_smolstr!(
                    "Successfully pulled image \"{image}\" in {took} ({took} including waiting). Image size: {size} bytes."
                )
            }
            None => {
                format_smolstr!("Container image \"{image}\" already present on machine and can be accessed by the pod")
            }
        };
        self.say_of(field.clone(), false, "Pulled", message);
    }

    /// A container whose image cannot be pulled has its turn: another try, or the first look after one.
    pub(super) fn pull_failed(&mut self, init: bool, i: usize, name: &str, image: &str) {
        let now = self.now;
        let full = full_image(image);
        let why = format_smolstr!(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"{full}\": failed to resolve reference \"{full}\": {full}: not found"
        );
        let container = self.container(init, i);
        let wait = container.back_off;
        let tried = matches!(&container.state, ContainerState::Waiting { reason, .. } if reason == FAILED);
        if tried && wait > Duration::ZERO {
            let told = back_off_message(image);
            let message = format_smolstr!("{told}: {FAILED}: {why}");
            container.state = ContainerState::Waiting { reason: BACK_OFF.into(), message };
            container.start_at = Some(now + Duration(wait.0 - look_after(wait).0));
            self.say(name, false, "BackOff", told);
            self.say(name, true, "Failed", error_message(BACK_OFF));
            return;
        }
        let wait = if wait == Duration::ZERO { FIRST_BACK_OFF } else { (wait + wait).min(LONGEST_BACK_OFF) };
        container.back_off = wait;
        container.start_at = Some(now + look_after(wait));
        container.state = ContainerState::Waiting { reason: FAILED.into(), message: why.clone() };
        self.say(name, false, "Pulling", format_smolstr!("Pulling image \"{image}\""));
        self.say(name, true, "Failed", format_smolstr!("Failed to pull image \"{image}\": {why}"));
        self.say(name, true, "Failed", error_message(FAILED));
    }
}

/// When a pull is looked at again that has failed with this back-off.
fn look_after(back_off: Duration) -> Duration {
    if back_off == FIRST_BACK_OFF { FIRST_LOOK } else { LATER_LOOK }
}

/// A size for an image, in bytes: the model has no layers to add up, but every image its own size.
fn image_size(image: &str) -> u64 {
    let hash = image.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    8_000_000 + u64::from(hash) % 150_000_000
}
