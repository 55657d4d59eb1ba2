//! Programs that people type and that are not simulated: each says so in one line, and names what does the same here.

use super::Ctx;

/// Name, and what is nearest to it.
pub const NEAREST: &[(&str, &str)] = &[
    ("jq", "kubectl -o jsonpath= and -o go-template= pick fields"),
    ("yq", "kubectl -o jsonpath= and -o go-template= pick fields"),
    ("find", "ls shows a folder"),
    ("vi", "the YAML editor beside the terminal edits files, and kubectl edit opens objects in it"),
    ("vim", "the YAML editor beside the terminal edits files, and kubectl edit opens objects in it"),
    ("nano", "the YAML editor beside the terminal edits files, and kubectl edit opens objects in it"),
    ("emacs", "the YAML editor beside the terminal edits files, and kubectl edit opens objects in it"),
    ("less", "cat shows a file, head and tail its ends"),
    ("more", "cat shows a file, head and tail its ends"),
    ("watch", "kubectl get -w goes on by itself; while true; do …; sleep 2; done repeats a line"),
    ("top", "ps shows what runs"),
    ("htop", "ps shows what runs"),
    ("kill", "kubectl delete pod ends what runs in a pod; Ctrl-C ends what runs here"),
    ("df", "nothing here fills a disk"),
    ("stat", "ls -l shows a file"),
    ("route", "ip route shows the routes"),
    ("traceroute", "the journey of a request shows every place that it passes"),
    ("tracepath", "the journey of a request shows every place that it passes"),
    ("mtr", "the journey of a request shows every place that it passes"),
    ("nmap", "nc -zv HOST PORT tries a port"),
    ("git", "the editor's undo and the page's history go back"),
    (
        "apt",
        "which programs a container has depends on its image: kubectl run t --image=nicolaka/netshoot -it -- bash has most",
    ),
    (
        "apt-get",
        "which programs a container has depends on its image: kubectl run t --image=nicolaka/netshoot -it -- bash has most",
    ),
    (
        "apk",
        "which programs a container has depends on its image: kubectl run t --image=nicolaka/netshoot -it -- bash has most",
    ),
    (
        "yum",
        "which programs a container has depends on its image: kubectl run t --image=nicolaka/netshoot -it -- bash has most",
    ),
    ("brew", "what this computer has is listed by pressing Tab"),
    ("kind", "the cluster runs already"),
    ("k3d", "the cluster runs already"),
    ("kustomize", "kubectl apply -f takes files and folders"),
    ("k9s", "the map shows the cluster, and kubectl get -w what changes"),
];

pub fn refused(ctx: &mut Ctx) -> i32 {
    let name = ctx.name().to_string();
    let nearest = NEAREST.iter().find(|(known, _)| *known == name).map_or("", |(_, nearest)| *nearest);
    ctx.complain(format!("{name} is not simulated here; {nearest}"));
    1
}
