//! Jobs: numbers for pods, and what counts as failure and as success.

use super::{apply, condition, get, kubectl, pods, reasons, settle};
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::cluster::{Cluster, Settings};

fn job(spec: &str, command: &str) -> String {
    format!(
        "
apiVersion: batch/v1
kind: Job
metadata: {{name: sum}}
spec:
  {spec}
  template:
    metadata: {{labels: {{app: sum}}}}
    spec: {{restartPolicy: Never, containers: [{{name: sum, image: \"busybox:1.37\", command: {command}}}]}}
"
    )
}

#[test]
fn an_indexed_job_gives_each_pod_a_number() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &job("completions: 3\n  parallelism: 2\n  completionMode: Indexed", "[sleep, '5']"));
    cluster.run_for(Duration::secs(3));
    let numbers = |cluster: &Cluster| {
        let key = "batch.kubernetes.io/job-completion-index";
        let mut all: Vec<String> =
            pods(cluster, "sum").iter().filter_map(|p| Some(p.label(key)?.to_string())).collect();
        all.sort();
        all
    };
    assert_eq!(numbers(&cluster), ["0", "1"]);
    let pod = &pods(&cluster, "sum")[0];
    assert!(pod.name().starts_with("sum-0-"), "{}", pod.name());
    assert_eq!(pod.value.str_at(&["spec", "hostname"]), "sum-0");
    let container = &pod.value.at(&["spec", "containers"]).and_then(Value::as_list).expect("containers")[0];
    let variable = &container.items_at(&["env"])[0];
    assert_eq!(variable.str_at(&["name"]), "JOB_COMPLETION_INDEX");
    let field = variable.str_at(&["valueFrom", "fieldRef", "fieldPath"]);
    assert_eq!(field, "metadata.labels['batch.kubernetes.io/job-completion-index']");
    settle(&mut cluster);
    assert_eq!(numbers(&cluster), ["0", "1", "2"]);
    let job = get(&cluster, "Job", "sum").expect("the Job");
    assert_eq!(job.value.str_at(&["status", "completedIndexes"]), "0-2");
    assert_eq!(condition(&cluster, "Job", "sum", "Complete").map(|c| c.0), Some("CompletionsReached".into()));
}

#[test]
fn a_jobs_failure_policy_says_what_a_failure_means() {
    let policy = |action: &str, more: &str| {
        format!(
            "{more}podFailurePolicy: {{rules: [{{action: {action}, onExitCodes: {{operator: In, values: [42]}}}}]}}\n  backoffLimit: 1"
        )
    };
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &job(&policy("FailJob", ""), "[sh, -c, 'exit 42']"));
    settle(&mut cluster);
    let pod = pods(&cluster, "sum")[0].name().clone();
    let message =
        format!("Container sum for pod default/{pod} failed with exit code 42 matching FailJob rule at index 0");
    assert_eq!(condition(&cluster, "Job", "sum", "Failed"), Some(("PodFailurePolicy".into(), message)));
    assert_eq!(pods(&cluster, "sum").len(), 1);
    // What is ignored does not count: the Job tries on, past its limit.
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &job(&policy("Ignore", ""), "[sh, -c, 'sleep 2; exit 42']"));
    cluster.run_for(Duration::secs(60));
    assert!(pods(&cluster, "sum").len() > 2, "{}", pods(&cluster, "sum").len());
    assert_eq!(condition(&cluster, "Job", "sum", "Failed"), None);
    // Each number fails for itself, and none is tried again.
    let mut cluster = Cluster::new(Settings::default());
    let indexed = "completions: 3\n  parallelism: 3\n  completionMode: Indexed\n  backoffLimitPerIndex: 1\n  ";
    let policy = policy("FailIndex", indexed).replace("\n  backoffLimit: 1", "");
    apply(&mut cluster, &job(&policy, "[sh, -c, 'exit 42']"));
    settle(&mut cluster);
    assert_eq!(pods(&cluster, "sum").len(), 3);
    let job = get(&cluster, "Job", "sum").expect("the Job");
    assert_eq!(job.value.str_at(&["status", "completedIndexes"]), "");
    assert_eq!(job.value.str_at(&["status", "failedIndexes"]), "0-2");
    assert_eq!(condition(&cluster, "Job", "sum", "Failed").map(|c| c.0), Some("FailedIndexes".into()));
}

#[test]
fn a_jobs_success_policy_says_what_is_enough() {
    let policy = |rules: &str| {
        let indexed = "completions: 4\n  parallelism: 4\n  completionMode: Indexed";
        job(&format!("{indexed}\n  successPolicy: {{rules: [{rules}]}}"), "[sh, -c, 'sleep 3600']")
    };
    let done = |rules: &str, finished: &[&str]| {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &policy(rules));
        cluster.run_for(Duration::secs(10));
        for number in finished {
            let label = "batch.kubernetes.io/job-completion-index";
            let pod = pods(&cluster, "sum").into_iter().find(|p| p.label(label) == Some(number)).expect("its pod");
            cluster.change_container(&pod.key, "sum", |c| c.behavior.crash = Some((Duration::secs(1), 0)));
        }
        cluster.run_for(Duration::secs(60));
        let left = pods(&cluster, "sum").iter().filter(|p| p.value.str_at(&["status", "phase"]) == "Running").count();
        (condition(&cluster, "Job", "sum", "Complete"), left)
    };
    let matched = |rule: usize| Some(("SuccessPolicy".to_string(), format!("Matched rules at index {rule}")));
    assert_eq!(done("{succeededIndexes: '0'}", &["0"]), (matched(0), 0), "the others are taken away");
    assert_eq!(done("{succeededIndexes: '0'}", &["1", "2"]), (None, 2));
    assert_eq!(done("{succeededIndexes: '0-2', succeededCount: 2}", &["1", "2"]), (matched(0), 0));
    assert_eq!(done("{succeededIndexes: '0,3'}, {succeededCount: 1}", &["2"]), (matched(1), 0));
}

#[test]
fn pods_that_run_when_a_job_fails_have_failed_with_it() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &job("activeDeadlineSeconds: 10\n  parallelism: 2", "[sleep, '1000']"));
    cluster.run_for(Duration::secs(5));
    let mut names: Vec<String> =
        pods(&cluster, "sum").iter().map(|p| format!("SuccessfulDelete: Deleted pod: {}", p.name())).collect();
    names.sort();
    assert_eq!(names.len(), 2);
    cluster.run_for(Duration::secs(60));
    let failed = get(&cluster, "Job", "sum").expect("the Job");
    assert_eq!(condition(&cluster, "Job", "sum", "Failed").map(|c| c.0), Some("DeadlineExceeded".into()));
    let count = |field: &str| failed.value.at(&["status", field]).and_then(Value::as_i64);
    assert_eq!((count("failed"), count("active"), count("ready")), (Some(2), None, Some(0)));
    let mut told = reasons(&cluster, "Job", "sum");
    told.retain(|line| line.starts_with("SuccessfulDelete"));
    told.sort();
    assert_eq!(told, names);
}

#[test]
fn describe_shows_the_numbers_that_an_indexed_job_has_done() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &job("completions: 4\n  parallelism: 4\n  completionMode: Indexed", "[sleep, '5']"));
    let line = |cluster: &mut Cluster| {
        let text = kubectl(cluster, "describe job sum", "");
        text.lines()
            .find(|l| l.starts_with("Completed Indexes:"))
            .map(|l| l.split(':').nth(1).unwrap_or("").trim().to_string())
    };
    assert_eq!(line(&mut cluster).as_deref(), Some("<none>"));
    settle(&mut cluster);
    assert_eq!(line(&mut cluster).as_deref(), Some("0-3"));
}

#[test]
fn a_job_has_failed_only_when_its_last_pod_is_gone() {
    let mut cluster = Cluster::new(Settings::default());
    // `sleep` as process 1 ignores SIGTERM: its pods take their thirty seconds.
    apply(&mut cluster, &job("activeDeadlineSeconds: 10\n  parallelism: 2", "[sleep, '1000']"));
    cluster.run_for(Duration::secs(20));
    let status = |cluster: &Cluster, field: &str| {
        get(cluster, "Job", "sum").and_then(|job| job.value.at(&["status", field]).and_then(Value::as_i64))
    };
    let known = |cluster: &Cluster, type_: &str| condition(cluster, "Job", "sum", type_).map(|c| c.0);
    let deadline = Some("DeadlineExceeded".to_string());
    assert_eq!((known(&cluster, "FailureTarget"), known(&cluster, "Failed")), (deadline.clone(), None));
    assert_eq!((status(&cluster, "failed"), status(&cluster, "terminating")), (Some(2), Some(2)));
    cluster.run_for(Duration::secs(40));
    assert_eq!((known(&cluster, "Failed"), pods(&cluster, "sum").len()), (deadline, 0));
    assert_eq!((status(&cluster, "failed"), status(&cluster, "terminating")), (Some(2), Some(0)));
    let told = |type_: &str| reasons(&cluster, "Job", "sum").iter().filter(|r| r.starts_with(type_)).count();
    assert_eq!(told("DeadlineExceeded"), 1);
    // Nor is one complete whose other pods still go.
    let mut cluster = Cluster::new(Settings::default());
    let indexed =
        "completions: 2\n  parallelism: 2\n  completionMode: Indexed\n  successPolicy: {rules: [{succeededCount: 1}]}";
    apply(&mut cluster, &job(indexed, "[sleep, '3600']"));
    cluster.run_for(Duration::secs(10));
    let first = pods(&cluster, "sum")[0].key.clone();
    cluster.change_container(&first, "sum", |c| c.behavior.crash = Some((Duration::secs(1), 0)));
    cluster.run_for(Duration::secs(20));
    let policy = Some("SuccessPolicy".to_string());
    assert_eq!((known(&cluster, "SuccessCriteriaMet"), known(&cluster, "Complete")), (policy.clone(), None));
    cluster.run_for(Duration::secs(30));
    assert_eq!(known(&cluster, "Complete"), policy);
}

#[test]
fn a_job_may_wait_for_a_pod_to_be_gone_before_it_makes_another() {
    let pods_while_one_goes = |policy: &str| {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &job(&format!("podReplacementPolicy: {policy}"), "[sleep, '1000']"));
        cluster.run_for(Duration::secs(10));
        let pod = pods(&cluster, "sum")[0].name().clone();
        kubectl(&mut cluster, &format!("delete pod {pod} --wait=false"), "");
        cluster.run_for(Duration::secs(15));
        let early = pods(&cluster, "sum").len();
        cluster.run_for(Duration::secs(60));
        (early, pods(&cluster, "sum").len())
    };
    assert_eq!(pods_while_one_goes("TerminatingOrFailed"), (2, 1));
    assert_eq!(pods_while_one_goes("Failed"), (1, 1));
}
