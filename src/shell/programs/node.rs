//! What else is on a node: crictl, systemctl.

use super::Ctx;
use crate::kubectl::output::age::human_duration;
use crate::kubectl::output::tabwriter;
use crate::runtime::ContainerState;
use crate::shell::env::Place;

/// Thirteen characters that stand for a container's id: made from its names, so that they are the same in every run.
fn id(seed: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")[..13].to_string()
}

pub fn crictl(ctx: &mut Ctx) -> i32 {
    let Place::Node { name } = ctx.env.place.clone() else { return 1 };
    let now = ctx.world.cluster.now();
    let command = ctx.args().iter().find(|a| !a.starts_with('-')).cloned().unwrap_or_default();
    let mut text = String::new();
    if !matches!(command.as_str(), "ps" | "pods") {
        ctx.complain(format!("crictl {command} is not simulated here; crictl ps and crictl pods show what runs"));
        return 1;
    }
    let runtime = ctx.world.cluster.runtime();
    let here = runtime.iter().filter(|(_, s)| s.node == name);
    match command.as_str() {
        "ps" => {
            text.push_str("CONTAINER\tIMAGE\tCREATED\tSTATE\tNAME\tATTEMPT\tPOD ID\tPOD\tNAMESPACE\n");
            for (key, sandbox) in here {
                for container in sandbox.all() {
                    let ContainerState::Running { since } = container.state else { continue };
                    text.push_str(&format!(
                        "{}\t{}\t{} ago\tRunning\t{}\t{}\t{}\t{}\t{}\n",
                        id(&format!("{key}/{}/{}", container.name, container.restarts)),
                        container.image,
                        human_duration(now.since(since).as_secs()),
                        container.name,
                        container.restarts,
                        id(&key.to_string()),
                        key.name,
                        key.namespace
                    ));
                }
            }
        }
        _ => {
            text.push_str("POD ID\tSTATE\tNAME\tNAMESPACE\tATTEMPT\n");
            for (key, _) in here {
                text.push_str(&format!("{}\tReady\t{}\t{}\t0\n", id(&key.to_string()), key.name, key.namespace));
            }
        }
    }
    ctx.out.push_str(&tabwriter::align(&text, 10, 3));
    0
}

pub fn systemctl(ctx: &mut Ctx) -> i32 {
    let unit = ctx.args().iter().filter(|a| !a.starts_with('-')).nth(1).cloned().unwrap_or_default();
    if ctx.args().first().map(String::as_str) == Some("status")
        && matches!(unit.trim_end_matches(".service"), "kubelet" | "containerd")
    {
        let unit = unit.trim_end_matches(".service").to_string();
        ctx.say(format!("● {unit}.service\n     Active: active (running)"));
        return 0;
    }
    ctx.complain("systemctl is not simulated here beyond status kubelet and status containerd; to lose a node, pull its plug on the map");
    1
}
