//! `kubectl create namespace`, `configmap`, `secret`, `quota`, `priorityclass`.

use super::{GENERATE, GROUP, made, name, named, required};
use crate::api::value::Value;
use crate::apiserver::validation::names;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::verbs::{Act, DRY, PRINT, Verb};
use data_encoding::BASE64;

pub const NAMESPACE: Verb = Verb {
    names: &["namespace", "ns"],
    group: GROUP,
    short: "Create a namespace with the specified name",
    usage: "NAME [--dry-run=server|client|none]",
    examples: "# A new namespace\nkubectl create namespace shop",
    flags: &[GENERATE, PRINT, DRY],
    act: Act::Run(namespace),
};

const SOURCES: &str = "from-literal= from-file= from-env-file= append-hash";

pub const CONFIG_MAP: Verb = Verb {
    names: &["configmap", "cm"],
    group: GROUP,
    short: "Create a config map from a local file, directory or literal value",
    usage: "NAME [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
    examples: "# From the command line\nkubectl create configmap settings --from-literal=color=blue\n\n# From a file\nkubectl create configmap settings --from-file=nginx.conf",
    flags: &[SOURCES, GENERATE, PRINT, DRY],
    act: Act::Run(config_map),
};

pub const SECRET: Verb = Verb {
    names: &["secret"],
    group: GROUP,
    short: "Create a secret using a specified subcommand",
    usage: "(docker-registry | generic | tls)",
    examples: "",
    flags: &[],
    act: Act::Parent(&[
        Verb {
            names: &["docker-registry"],
            group: GROUP,
            short: "Create a secret for use with a Docker registry",
            usage: "NAME --docker-username=user --docker-password=password --docker-email=email [--docker-server=string] [--from-file=[key=]source] [--dry-run=server|client|none]",
            examples: "# How to log in to a registry\nkubectl create secret docker-registry regcred --docker-server=registry.example.com --docker-username=me --docker-password=secret",
            flags: &[
                "docker-username= docker-password= docker-email= docker-server= append-hash from-file=",
                GENERATE,
                PRINT,
                DRY,
            ],
            act: Act::Run(registry_secret),
        },
        Verb {
            names: &["generic"],
            group: GROUP,
            short: "Create a secret from a local file, directory, or literal value",
            usage: "NAME [--type=string] [--from-file=[key=]source] [--from-literal=key1=value1] [--dry-run=server|client|none]",
            examples: "# From the command line\nkubectl create secret generic db --from-literal=password=secret",
            flags: &["type=", SOURCES, GENERATE, PRINT, DRY],
            act: Act::Run(generic_secret),
        },
        Verb {
            names: &["tls"],
            group: GROUP,
            short: "Create a TLS secret",
            usage: "NAME --cert=path/to/cert/file --key=path/to/key/file [--dry-run=server|client|none]",
            examples: "# From a certificate and its key\nkubectl create secret tls tls-secret --cert=tls.cert --key=tls.key",
            flags: &["cert= key= append-hash", GENERATE, PRINT, DRY],
            act: Act::Run(tls_secret),
        },
    ]),
};

pub const QUOTA: Verb = Verb {
    names: &["quota", "resourcequota"],
    group: GROUP,
    short: "Create a quota with the specified name",
    usage: "NAME [--hard=key1=value1,key2=value2] [--scopes=Scope1,Scope2] [--dry-run=server|client|none]",
    examples: "# At most ten pods\nkubectl create quota small --hard=pods=10",
    flags: &["hard= scopes=", GENERATE, PRINT, DRY],
    act: Act::Run(quota),
};

pub const PRIORITY_CLASS: Verb = Verb {
    names: &["priorityclass", "pc"],
    group: GROUP,
    short: "Create a priority class with the specified name",
    usage: "NAME --value=VALUE --global-default=BOOL [--dry-run=server|client|none]",
    examples: "# A class for what must run first\nkubectl create priorityclass high --value=1000",
    flags: &["value# global-default description= preemption-policy=", GENERATE, PRINT, DRY],
    act: Act::Run(priority_class),
};

fn namespace(call: &mut Call) -> Result<Next, Failure> {
    let name = name(call)?;
    let mut object = named("v1", "Namespace", &name);
    object.set_at(&["spec"], Value::map());
    object.set_at(&["status"], Value::map());
    let resource = crate::kubectl::arguments::resource(call.cluster.store(), "namespaces")?;
    super::send(call, &resource, object, "created", None)
}

/// Keys and contents of `--from-literal`, `--from-file` and `--from-env-file`.
fn sources(call: &Call, what: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut found: Vec<(String, String)> = Vec::new();
    let has_env = call.flags.has("from-env-file");
    if has_env && (call.flags.has("from-file") || call.flags.has("from-literal")) {
        return Err(own("from-env-file cannot be combined with from-file or from-literal"));
    }
    let mut add = |key: String, value: String| -> Result<(), Failure> {
        let problems = names::is_config_map_key(&key);
        if !problems.is_empty() {
            return Err(own(format!(
                "{} is not a valid key name for a {what}: {}",
                crate::api::json::quote(&key),
                problems.join(";")
            )));
        }
        if found.iter().any(|(k, _)| *k == key) {
            return Err(own(format!(
                "cannot add key {}, another key by that name already exists in Data for {what}",
                crate::api::json::quote(&key)
            )));
        }
        found.push((key, value));
        Ok(())
    };
    let read = |path: &str| call.files.read(path).ok_or_else(|| own(format!("open {path}: no such file or directory")));
    for spec in call.flags.all("from-file") {
        let (key, path) = match spec.split_once('=') {
            Some((key, path)) if !key.is_empty() && !path.is_empty() => (key.to_string(), path),
            Some(("", path)) => return Err(own(format!("key name for file path {path} missing"))),
            Some((key, _)) => return Err(own(format!("file path for key name {key} missing"))),
            None => (spec.rsplit('/').next().unwrap_or(spec).to_string(), spec),
        };
        match call.files.folder(path).filter(|_| !spec.contains('=')) {
            Some(names) => {
                for inner in names.iter().filter(|n| !n.contains('/')) {
                    let text = read(&format!("{}/{inner}", path.trim_end_matches('/')))?;
                    add(inner.clone(), text)?;
                }
            }
            None => {
                let text = call
                    .files
                    .read(path)
                    .ok_or_else(|| own(format!("error reading {path}: no such file or directory")))?;
                add(key, text)?;
            }
        }
    }
    for spec in call.flags.all("from-literal") {
        let Some((key, value)) = spec.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(own(format!("invalid literal source {spec}, expected key=value")));
        };
        let unquoted = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q)).unwrap_or(value);
        add(key.to_string(), unquoted.to_string())?;
    }
    for path in call.flags.all("from-env-file") {
        for line in read(path)?.lines() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            add(key.to_string(), value.to_string())?;
        }
    }
    Ok(found)
}

fn config_map(call: &mut Call) -> Result<Next, Failure> {
    let name = name(call)?;
    let mut object = named("v1", "ConfigMap", &name);
    for (key, value) in sources(call, "ConfigMap")? {
        object.set_at(&["data", &key], value);
    }
    made(call, "configmaps", object, "failed to create configmap")
}

fn secret(call: &mut Call, type_: &str, data: Vec<(String, String)>) -> Result<Next, Failure> {
    let name = name(call)?;
    let mut object = named("v1", "Secret", &name);
    for (key, value) in data {
        object.set_at(&["data", &key], BASE64.encode(value.as_bytes()));
    }
    if !type_.is_empty() {
        object.set_at(&["type"], type_);
    }
    made(call, "secrets", object, "failed to create secret")
}

fn generic_secret(call: &mut Call) -> Result<Next, Failure> {
    name(call)?;
    let type_ = call.flags.text("type").to_string();
    let data = sources(call, "Secret")?;
    secret(call, &type_, data)
}

fn tls_secret(call: &mut Call) -> Result<Next, Failure> {
    required(call, &["cert", "key"])?;
    name(call)?;
    let mut data = Vec::new();
    for (flag, key) in [("cert", "tls.crt"), ("key", "tls.key")] {
        let path = call.flags.text(flag).to_string();
        if path.is_empty() {
            return Err(own("key and cert must be specified"));
        }
        let text = call.files.read(&path).ok_or_else(|| own(format!("open {path}: no such file or directory")))?;
        data.push((key.to_string(), text));
    }
    let looks =
        |text: &str, word: &str| text.contains(&format!("-----BEGIN {word}")) || text.contains(&format!("{word}-----"));
    if !looks(&data[0].1, "CERTIFICATE") {
        return Err(own("tls: failed to find any PEM data in certificate input"));
    }
    if !data[1].1.contains("PRIVATE KEY-----") {
        return Err(own("tls: failed to find any PEM data in key input"));
    }
    secret(call, "kubernetes.io/tls", data)
}

fn registry_secret(call: &mut Call) -> Result<Next, Failure> {
    name(call)?;
    let text = |flag: &str| call.flags.text(flag).to_string();
    let (user, password) = (text("docker-username"), text("docker-password"));
    if user.is_empty() || password.is_empty() {
        return Err(own(
            "either --from-file or the combination of --docker-username, --docker-password and --docker-server is required",
        ));
    }
    let server = match text("docker-server") {
        given if given.is_empty() => "https://index.docker.io/v1/".to_string(),
        given => given,
    };
    let auth = BASE64.encode(format!("{user}:{password}").as_bytes());
    let mut entry = crate::value!({ "username": user, "password": password });
    if !text("docker-email").is_empty() {
        entry.set_at(&["email"], text("docker-email"));
    }
    entry.set_at(&["auth"], auth);
    let mut config = Value::map();
    config.set_at(&["auths", &server], entry);
    let data = vec![(".dockerconfigjson".to_string(), crate::api::json::to_string(&config))];
    secret(call, "kubernetes.io/dockerconfigjson", data)
}

fn quota(call: &mut Call) -> Result<Next, Failure> {
    let name = name(call)?;
    let mut object = named("v1", "ResourceQuota", &name);
    for pair in call.flags.list("hard") {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(own(format!("Invalid argument syntax {pair}, expected <resource>=<quantity>")));
        };
        object.set_at(&["spec", "hard", key], value);
    }
    let scopes: Vec<Value> = call.flags.list("scopes").into_iter().map(Value::from).collect();
    if !scopes.is_empty() {
        object.set_at(&["spec", "scopes"], scopes);
    }
    made(call, "resourcequotas", object, "failed to create quota")
}

fn priority_class(call: &mut Call) -> Result<Next, Failure> {
    let name = name(call)?;
    let mut object = named("scheduling.k8s.io/v1", "PriorityClass", &name);
    object.set_at(&["value"], call.flags.number("value").unwrap_or(0));
    if call.flags.is_on("global-default") {
        object.set_at(&["globalDefault"], true);
    }
    if !call.flags.text("description").is_empty() {
        object.set_at(&["description"], call.flags.text("description"));
    }
    let policy = match call.flags.text("preemption-policy") {
        "" => "PreemptLowerPriority",
        given => given,
    };
    object.set_at(&["preemptionPolicy"], policy);
    made(call, "priorityclasses", object, "failed to create priorityclass")
}
