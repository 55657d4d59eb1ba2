//! CronJobs: Jobs at the times of a schedule.

use super::{apply, condition, get, kubectl, reasons, settle};
use giljabi::api::object::Object;
use giljabi::api::time::Duration;
use giljabi::cluster::{Cluster, Settings};
use std::sync::Arc;

fn cron(spec: &str, command: &str) -> String {
    format!(
        "
apiVersion: batch/v1
kind: CronJob
metadata: {{name: tick}}
spec:
  {spec}
  jobTemplate:
    metadata: {{labels: {{of: tick}}}}
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{{name: c, image: busybox, command: {command}}}]
"
    )
}

fn jobs(cluster: &Cluster) -> Vec<Arc<Object>> {
    cluster.store().list_in("Job", "default").cloned().collect()
}

fn active(cluster: &Cluster) -> usize {
    get(cluster, "CronJob", "tick").expect("it is there").value.items_at(&["status", "active"]).len()
}

#[test]
fn jobs_come_on_time_and_old_ones_go() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &cron("schedule: '*/2 * * * *'", "[sh, -c, 'exit 0']"));
    // The next run is nothing to wait for.
    settle(&mut cluster);
    assert!(cluster.now().0 < 60_000_000 && jobs(&cluster).is_empty());
    cluster.run_for(Duration::secs(130));
    let first = jobs(&cluster);
    assert_eq!(first.len(), 1);
    // Named by the minutes since 1970 of 2026-01-01T00:02:00Z.
    assert_eq!(first[0].name(), "tick-29453762");
    let at = first[0].annotation("batch.kubernetes.io/cronjob-scheduled-timestamp");
    assert_eq!(at, Some("2026-01-01T00:02:00Z"));
    assert_eq!(first[0].label("of"), Some("tick"));
    assert!(condition(&cluster, "Job", first[0].name(), "Complete").is_some());
    cluster.run_for(Duration::secs(600));
    // Three that succeeded are kept.
    let kept: Vec<String> = jobs(&cluster).iter().map(|j| j.name().to_string()).collect();
    assert_eq!(kept, ["tick-29453768", "tick-29453770", "tick-29453772"]);
    let told = reasons(&cluster, "CronJob", "tick");
    for line in [
        "SuccessfulCreate: Created job tick-29453762",
        "SawCompletedJob: Saw completed job: tick-29453762, condition: Complete",
        "SuccessfulDelete: Deleted job tick-29453762",
    ] {
        assert!(told.iter().any(|t| t == line), "{line} in {told:?}");
    }
    let printed = kubectl(&mut cluster, "get cronjob tick", "");
    assert!(printed.contains("*/2 * * * *   <none>     False     0        "), "{printed}");
    let status =
        get(&cluster, "CronJob", "tick").expect("it is there").value.get("status").cloned().unwrap_or_default();
    assert_eq!(status.text("lastScheduleTime"), "2026-01-01T00:12:00Z");
    assert!(status.text("lastSuccessfulTime").starts_with("2026-01-01T00:12:0"), "{status:?}");
    kubectl(&mut cluster, "delete cronjob tick", "");
    settle(&mut cluster);
    assert!(jobs(&cluster).is_empty(), "its Jobs go with it");
}

#[test]
fn what_still_runs_is_joined_awaited_or_replaced() {
    let after = |policy: &str| {
        let mut cluster = Cluster::new(Settings::default());
        let spec = format!("schedule: '* * * * *'\n  concurrencyPolicy: {policy}");
        apply(&mut cluster, &cron(&spec, "[sleep, '100000']"));
        cluster.run_for(Duration::secs(290));
        let names: Vec<String> = jobs(&cluster).iter().map(|j| j.name().to_string()).collect();
        (names, active(&cluster), reasons(&cluster, "CronJob", "tick"))
    };
    let (names, running, _) = after("Allow");
    assert_eq!((names.len(), running), (4, 4));
    let (names, running, told) = after("Forbid");
    assert_eq!((names, running), (vec!["tick-29453761".to_string()], 1));
    let words =
        "JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid";
    assert!(told.iter().any(|t| t == words), "{told:?}");
    let (names, running, told) = after("Replace");
    assert_eq!((names, running), (vec!["tick-29453764".to_string()], 1));
    assert!(told.iter().any(|t| t == "SuccessfulDelete: Deleted job tick-29453763"), "{told:?}");
}

#[test]
fn a_suspended_cron_job_rests_and_makes_up_for_one_run() {
    let after = |more: &str| {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &cron(&format!("schedule: '*/10 * * * *'\n  suspend: true{more}"), "[sh, -c, 'exit 1']"));
        cluster.run_for(Duration::secs(3_100));
        assert!(jobs(&cluster).is_empty());
        kubectl(&mut cluster, r#"patch cronjob tick -p {"spec":{"suspend":false}}"#, "");
        settle(&mut cluster);
        jobs(&cluster).iter().map(|j| j.name().to_string()).collect::<Vec<_>>()
    };
    // Of the runs that were missed the last one is made up for, unless it is too late for it.
    assert_eq!(after(""), ["tick-29453810"]);
    assert_eq!(after("\n  startingDeadlineSeconds: 600"), ["tick-29453810"]);
    let none: [&str; 0] = [];
    assert_eq!(after("\n  startingDeadlineSeconds: 60"), none);
}
