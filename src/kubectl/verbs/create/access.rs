//! `kubectl create role`, `rolebinding`, `clusterrole`, `clusterrolebinding`, `serviceaccount`; tokens are refused.

use super::{GENERATE, GROUP, made, name, named};
use crate::api::value::Value;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::verbs::{Act, DRY, PRINT, Verb};

const RULE: &str = "verb= resource= resource-name= non-resource-url= aggregation-rule=";
const BIND: &str = "role= clusterrole= user= group= serviceaccount=";

pub const ROLE: Verb = Verb {
    names: &["role"],
    group: GROUP,
    short: "Create a role with single rule",
    usage: "NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename] [--dry-run=server|client|none]",
    examples: "# Who may look at pods\nkubectl create role reader --verb=get,list,watch --resource=pods",
    flags: &[RULE, GENERATE, PRINT, DRY],
    act: Act::Run(|call| role(call, "Role", "roles")),
};

pub const CLUSTER_ROLE: Verb = Verb {
    names: &["clusterrole"],
    group: GROUP,
    short: "Create a cluster role",
    usage: "NAME --verb=verb --resource=resource.group [--resource-name=resourcename] [--dry-run=server|client|none]",
    examples: "# Who may look at nodes\nkubectl create clusterrole reader --verb=get,list --resource=nodes",
    flags: &[RULE, GENERATE, PRINT, DRY],
    act: Act::Run(|call| role(call, "ClusterRole", "clusterroles")),
};

pub const ROLE_BINDING: Verb = Verb {
    names: &["rolebinding"],
    group: GROUP,
    short: "Create a role binding for a particular role or cluster role",
    usage: "NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
    examples: "# Give a service account a role\nkubectl create rolebinding read --role=reader --serviceaccount=default:web",
    flags: &[BIND, GENERATE, PRINT, DRY],
    act: Act::Run(|call| binding(call, "RoleBinding", "rolebindings")),
};

pub const CLUSTER_ROLE_BINDING: Verb = Verb {
    names: &["clusterrolebinding"],
    group: GROUP,
    short: "Create a cluster role binding for a particular cluster role",
    usage: "NAME --clusterrole=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]",
    examples: "# Give a user a role in the whole cluster\nkubectl create clusterrolebinding read --clusterrole=view --user=me",
    flags: &[BIND, GENERATE, PRINT, DRY],
    act: Act::Run(|call| binding(call, "ClusterRoleBinding", "clusterrolebindings")),
};

pub const SERVICE_ACCOUNT: Verb = Verb {
    names: &["serviceaccount", "sa"],
    group: GROUP,
    short: "Create a service account with the specified name",
    usage: "NAME [--dry-run=server|client|none]",
    examples: "# An account for pods\nkubectl create serviceaccount web",
    flags: &[GENERATE, PRINT, DRY],
    act: Act::Run(|call| {
        let name = name(call)?;
        made(call, "serviceaccounts", named("v1", "ServiceAccount", &name), "failed to create serviceaccount")
    }),
};

pub const TOKEN: Verb = Verb {
    names: &["token"],
    group: GROUP,
    short: "Request a service account token",
    usage: "SERVICE_ACCOUNT_NAME",
    examples: "",
    flags: &["audience= duration~ bound-object-kind= bound-object-name= bound-object-uid=", PRINT],
    act: Act::Run(|_| {
        Err(own(
            "tokens are not simulated here: every request is allowed; kubectl get serviceaccounts shows the accounts",
        ))
    }),
};

fn list(call: &Call, flag: &str) -> Vec<Value> {
    call.flags.list(flag).into_iter().map(Value::from).collect()
}

fn role(call: &mut Call, kind: &str, word: &str) -> Result<Next, Failure> {
    let name = name(call)?;
    if !call.flags.has("verb") {
        return Err(own("at least one verb must be specified"));
    }
    let mut rules: Vec<Value> = Vec::new();
    for resource in call.flags.list("resource") {
        let (bare, part) = resource.split_once('/').map_or((resource.as_str(), ""), |(r, p)| (r, p));
        let found = crate::kubectl::arguments::resource(call.cluster.store(), bare)?;
        let plural = if part.is_empty() { found.plural.to_string() } else { format!("{}/{part}", found.plural) };
        match rules.iter_mut().find(|r| r.items("apiGroups").first().and_then(Value::as_str) == Some(found.group())) {
            Some(rule) => rule.map_mut().entry("resources").list_mut().push(Value::from(plural)),
            None => {
                let mut rule = crate::value!({ "apiGroups": [(found.group())], "resources": [plural] });
                rule.set_at(&["verbs"], list(call, "verb"));
                if call.flags.has("resource-name") {
                    rule.set_at(&["resourceNames"], list(call, "resource-name"));
                }
                rules.push(rule);
            }
        }
    }
    if call.flags.has("non-resource-url") {
        let mut rule = Value::map();
        rule.set_at(&["nonResourceURLs"], list(call, "non-resource-url"));
        rule.set_at(&["verbs"], list(call, "verb"));
        rules.push(rule);
    }
    if rules.is_empty() {
        return Err(own("at least one resource must be specified"));
    }
    let mut object = named("rbac.authorization.k8s.io/v1", kind, &name);
    object.set_at(&["rules"], rules);
    made(call, word, object, &format!("failed to create {}", kind.to_ascii_lowercase()))
}

fn binding(call: &mut Call, kind: &str, word: &str) -> Result<Next, Failure> {
    let name = name(call)?;
    let (role, cluster_role) = (call.flags.text("role").to_string(), call.flags.text("clusterrole").to_string());
    if role.is_empty() == cluster_role.is_empty() {
        return Err(own(if kind == "RoleBinding" {
            "exactly one of clusterrole or role must be specified"
        } else {
            "clusterrole must be specified"
        }));
    }
    let mut object = named("rbac.authorization.k8s.io/v1", kind, &name);
    let (role_kind, role_name) = if role.is_empty() { ("ClusterRole", cluster_role) } else { ("Role", role) };
    let group = "rbac.authorization.k8s.io";
    object.set_at(&["roleRef"], crate::value!({ "apiGroup": group, "kind": role_kind, "name": role_name }));
    let mut subjects = Vec::new();
    for (flag, subject) in [("user", "User"), ("group", "Group")] {
        for one in call.flags.list(flag) {
            subjects.push(crate::value!({ "apiGroup": group, "kind": subject, "name": one }));
        }
    }
    for account in call.flags.list("serviceaccount") {
        let Some((namespace, one)) = account.split_once(':') else {
            return Err(own("serviceaccount must be <namespace>:<name>"));
        };
        subjects.push(crate::value!({ "kind": "ServiceAccount", "name": one, "namespace": namespace }));
    }
    if !subjects.is_empty() {
        object.set_at(&["subjects"], subjects);
    }
    made(call, word, object, &format!("failed to create {}", kind.to_ascii_lowercase()))
}
