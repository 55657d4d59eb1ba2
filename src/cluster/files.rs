//! Files that somebody writes in a container.

use super::Cluster;
use crate::api::object::ObjectKey;
use crate::controller;

impl Cluster {
    /// Writes a file in a container, or takes it away (`None`); the error is the system's words. Probes see it at their next
    /// tick: those of every container where it is written into a volume that they share.
    pub fn write_file(
        &mut self,
        pod: &ObjectKey,
        container: &str,
        path: &str,
        text: Option<&str>,
    ) -> Result<(), &'static str> {
        let now = self.now;
        if let Some(sandbox) = self.runtime.get(pod) {
            controller::count_rested(pod, sandbox, self.recorder.make_mut(), now);
        }
        let Some(sandbox) = self.runtime.get_mut(pod) else { return Ok(()) };
        let shared = sandbox.write_file(container, path, text)?;
        if shared {
            sandbox.all_mut().for_each(|c| c.probes.wake(now));
        } else if let Some(container) = sandbox.container_mut(container) {
            container.probes.wake(now);
        }
        self.wake("kubelet", pod.clone());
        Ok(())
    }
}
