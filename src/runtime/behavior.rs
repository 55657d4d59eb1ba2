//! How a program is told to misbehave: a comma-separated list of words.
//!
//! | word | what happens |
//! | --- | --- |
//! | `crash` or `crash=CODE` | it ends at once (code 1) |
//! | `crash-after=SECONDS` | it ends with code 1 that long after its start |
//! | `hang` | it accepts connections and never answers |
//! | `close` | it accepts connections and closes them without an answer |
//! | `status=CODE` | every HTTP answer has this status (500 …) |
//! | `delay=SECONDS` | every answer takes that long (decimals allowed) |
//! | `slow-start=SECONDS` | it listens only that long after its start |
//! | `localhost` | it listens on 127.0.0.1 alone |
//! | `image-pull-error` | its image cannot be pulled |
//! | `ignore-sigterm` | it does not end at SIGTERM |

use crate::api::object::Object;
use crate::api::time::Duration;
use crate::api::value::Value;

/// What a container's program has been told. The default is to behave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behavior {
    /// Ends with this code so long after its start.
    pub crash: Option<(Duration, i32)>,
    pub hang: bool,
    pub close: bool,
    pub status: Option<u16>,
    pub delay: Duration,
    pub slow_start: Duration,
    pub localhost: bool,
    pub image_pull_error: bool,
    pub ignore_sigterm: bool,
}

/// The annotation of a pod, for all its containers; `giljabi.dev/behavior.<container>` is for one.
pub const ANNOTATION: &str = "giljabi.dev/behavior";
/// The variable of a container.
pub const VARIABLE: &str = "GILJABI_BEHAVIOR";

impl Behavior {
    /// Reads the words; what is not one of them is passed over.
    pub fn parse(text: &str) -> Behavior {
        let mut behavior = Behavior::default();
        for word in text.split(',').map(str::trim) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let seconds = || value.trim().parse::<f64>().ok().filter(|s| (0.0..1e6).contains(s));
            let duration = || seconds().map(|s| Duration::micros((s * 1e6) as u64)).unwrap_or_default();
            match name.trim() {
                "crash" => behavior.crash = Some((Duration::ZERO, value.trim().parse().unwrap_or(1))),
                "crash-after" => behavior.crash = Some((duration(), 1)),
                "hang" => behavior.hang = true,
                "close" => behavior.close = true,
                "status" => behavior.status = value.trim().parse().ok().filter(|s| (100..600).contains(s)),
                "delay" => behavior.delay = duration(),
                "slow-start" => behavior.slow_start = duration(),
                "localhost" => behavior.localhost = true,
                "image-pull-error" => behavior.image_pull_error = true,
                "ignore-sigterm" => behavior.ignore_sigterm = true,
                _ => {}
            }
        }
        behavior
    }

    /// What a container of a pod is told: its own annotation, else the pod's, else its variable.
    pub fn of(pod: &Object, container: &Value) -> Behavior {
        let annotations = pod.value.at(&["metadata", "annotations"]).and_then(Value::as_map);
        let annotated = annotations.and_then(|map| {
            let own = format!("{ANNOTATION}.{}", container.str_at(&["name"]));
            map.get(&own).or_else(|| map.get(ANNOTATION))?.as_str()
        });
        let variable = || {
            let env = container.items_at(&["env"]).iter().find(|e| e.str_at(&["name"]) == VARIABLE)?;
            env.get("value")?.as_str()
        };
        annotated.or_else(variable).map(Behavior::parse).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_nonsense_is_passed_over() {
        let behavior = Behavior::parse("status=503, delay=1.5, localhost, wobble, crash-after=x");
        assert_eq!(behavior.status, Some(503));
        assert_eq!(behavior.delay, Duration::millis(1_500));
        assert!(behavior.localhost);
        assert_eq!(behavior.crash, Some((Duration::ZERO, 1)));
    }
}
