//! The map's rows and places over real clusters.

use giljabi::cluster::Settings;
use giljabi::map::{number, stage_of, stages};
use giljabi::trace::{Client, Request, Trace, Url};
use giljabi::workspace::{File, Workspace};

fn trace(url: &str) -> Trace {
    let mut workspace = Workspace::new(Settings::default());
    let text = include_str!("../assets/scenarios/kimho/service.yaml").to_string()
        + "---\n"
        + include_str!("../assets/scenarios/kimho/pods.yaml");
    workspace.set_files(vec![File { name: "all.yaml".into(), text }]);
    let client = Client::Pod { namespace: "default".into(), name: "client".into(), container: "".into() };
    workspace.send(&Request::get(client, Url::parse(url).expect("an address")))
}

#[test]
fn a_lookup_is_one_stage_and_every_hop_is_in_one() {
    for url in ["http://kimho", "http://kimho:406", "http://example.com", "http://10.96.0.1", "http://nobody.here"] {
        let trace = trace(url);
        let stages = stages(&trace);
        let all: Vec<usize> = stages.iter().flat_map(|s| s.hops.clone()).collect();
        assert_eq!(all, (0..trace.hops.len()).collect::<Vec<_>>(), "{url}");
        assert!(stages.iter().filter(|s| s.lookup).count() <= 1, "{url}: one name is looked up once");
        for (i, stage) in stages.iter().enumerate() {
            assert!(stage.hops.clone().all(|hop| stage_of(&stages, hop) == i), "{url}");
            assert!(stage.hops.contains(&stage.telling(&trace)), "{url}");
        }
    }
}

#[test]
fn the_search_list_is_walked_within_one_number() {
    let trace = trace("http://example.com");
    let stages = stages(&trace);
    assert!(stages[0].lookup && stages[0].questions(&trace) > 2, "ndots:5 makes several questions of it");
    assert_eq!(number(&stages, 0), "1.1");
    assert_eq!(number(&stages, stages[0].hops.end), "2");
    let parts = stages[0].exchanges(&trace);
    assert!(parts.len() > 2 && parts.iter().map(|(_, r)| r.len()).sum::<usize>() == stages[0].hops.len());
}
