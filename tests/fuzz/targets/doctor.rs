//! What strangers paste or put into a link.

use crate::seeds as files;
use giljabi::doctor;
use giljabi::locale::Lang;
use giljabi::text::is_unseen;
use giljabi::workspace::File;
use giljabi::workspace::link::Link;

pub const PIECES: &[&str] = &[
    "[",
    "]",
    "[\"",
    "\",\"",
    "\"]",
    "?url",
    "?file",
    "?client",
    "\\u202e",
    "\\ud800",
    "__proto__",
    "null",
    "{}",
    "\\n",
];

pub fn link_seeds() -> Vec<Vec<u8>> {
    let file = |name: &str, text: &[u8]| File { name: name.into(), text: String::from_utf8_lossy(text).into_owned() };
    let scenario = files::under("assets/scenarios", ".yaml");
    let whole = Link {
        files: scenario.iter().enumerate().map(|(i, text)| file(&format!("{i}.yaml"), text)).collect(),
        url: "http://kimho:406".into(),
        client: "pod/client".into(),
        shown: "1.yaml".into(),
    };
    let short = Link { files: vec![file("a", b"b: c")], ..Link::default() };
    vec![whole.write().into_bytes(), short.write().into_bytes()]
}

/// A link is refused, or it reads back as what it was read as, and its names show all of themselves.
pub fn link(text: &str) {
    if let Some(link) = Link::read(text) {
        assert!(link.files.iter().all(|f| !f.name.contains(is_unseen)));
        assert_eq!(Link::read(&link.write()), Some(link));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut all = files::under("assets/scenarios", ".yaml");
    all.extend(files::under("assets/addons", ".yaml"));
    all.extend(files::recorded(40));
    all.push(
        b"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a, labels: {app: a}}\n  spec: {nodeName: n, containers: [{name: c, image: x, ports: [{containerPort: 80}]}]}\n  status: {phase: Running, podIP: 10.0.0.5, hostIP: 1.2.3.4, conditions: [{type: Ready, status: \"True\"}]}\n- apiVersion: v1\n  kind: Service\n  metadata: {name: s}\n  spec: {clusterIP: 10.1.0.7, selector: {app: a}, ports: [{port: 80}]}\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: s}\n  data: {a: YQ==}\n"
            .to_vec(),
    );
    all
}

/// Examines a file and tells the report in every form.
pub fn files(text: &str) {
    let (stand, report) = doctor::diagnose(vec![File { name: "f.yaml".into(), text: text.to_string() }]);
    for lang in [Lang::Ko, Lang::En] {
        doctor::text(&report, lang);
        doctor::json(&report, lang);
        doctor::sarif(&report, lang, "0");
        doctor::junit(&report, lang, "2026-11-28T19:00:00");
    }
    doctor::Editing::new(stand).finish();
}
