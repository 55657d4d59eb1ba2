//! What `kubectl get … -A -o yaml` prints of a cluster with many apps: Lists with status, `managedFields`, owners and
//! everything else that the API server adds, written out as a real one has it. Each app is a Deployment with its ReplicaSet and
//! pods, a Service with Endpoints and EndpointSlice, a ConfigMap and a Secret; every tenth has an Ingress.

use std::fmt::Write;

/// What stands in the dump.
pub struct Dump {
    pub apps: usize,
    pub pods_each: usize,
    pub nodes: usize,
}

/// The value of every Secret, in base64. Whoever finds it in an output has found a leak.
pub const SECRET: &str = "aHVudGVyMi1pcy1teS1wYXNzd29yZA==";

impl Dump {
    /// How many objects there are.
    pub fn objects(&self) -> usize {
        // Deployment, ReplicaSet, Service, Endpoints, EndpointSlice, ConfigMap, Secret, and the pods.
        self.nodes + self.namespaces() + 1 + self.apps * (7 + self.pods_each) + self.apps.div_ceil(10)
    }

    fn namespaces(&self) -> usize {
        self.apps.div_ceil(25)
    }

    /// The whole as one List.
    pub fn list(&self) -> String {
        let mut out = String::from("apiVersion: v1\nitems:\n");
        for i in 0..self.nodes {
            node(&mut out, i);
        }
        for i in 0..self.namespaces() {
            item(
                &mut out,
                "v1",
                "Namespace",
                "",
                &format!("team-{i}"),
                "",
                "  spec:\n    finalizers:\n    - kubernetes\n  status:\n    phase: Active\n",
            );
        }
        item(
            &mut out,
            "networking.k8s.io/v1",
            "IngressClass",
            "",
            "nginx",
            "",
            "  spec:\n    controller: k8s.io/ingress-nginx\n",
        );
        for i in 0..self.apps {
            self.app(&mut out, i);
        }
        out.push_str("kind: List\nmetadata:\n  resourceVersion: \"\"\n");
        out
    }

    fn app(&self, out: &mut String, i: usize) {
        let (namespace, name) = (format!("team-{}", i / 25), format!("app-{i}"));
        // The first addresses are the cluster's own.
        let (x, y) = (i / 200, i % 200 + 20);
        let cluster_ip = format!("172.20.{x}.{y}");
        let labels = format!("    labels:\n      app: {name}\n");
        let pod_labels = format!("    labels:\n      app: {name}\n      pod-template-hash: 7d9f6c5b48\n");
        let template = format!(
            "    template:\n      metadata:\n        creationTimestamp: null\n        labels:\n          app: {name}\n      spec:\n        containers:\n        - image: registry.example.com/{name}:1.0.{i}\n          imagePullPolicy: IfNotPresent\n          name: main\n          ports:\n          - containerPort: 8080\n            name: http\n            protocol: TCP\n          resources: {{}}\n          terminationMessagePath: /dev/termination-log\n          terminationMessagePolicy: File\n        dnsPolicy: ClusterFirst\n        restartPolicy: Always\n        schedulerName: default-scheduler\n        securityContext: {{}}\n        terminationGracePeriodSeconds: 30\n"
        );
        let n = self.pods_each;
        let counts = format!(
            "    availableReplicas: {n}\n    observedGeneration: 3\n    readyReplicas: {n}\n    replicas: {n}\n"
        );
        item(
            out,
            "apps/v1",
            "Deployment",
            &namespace,
            &name,
            &labels,
            &format!(
                "  spec:\n    progressDeadlineSeconds: 600\n    replicas: {n}\n    revisionHistoryLimit: 10\n    selector:\n      matchLabels:\n        app: {name}\n    strategy:\n      rollingUpdate:\n        maxSurge: 25%\n        maxUnavailable: 25%\n      type: RollingUpdate\n{template}  status:\n{counts}    conditions:\n    - lastTransitionTime: \"2026-03-01T08:00:00Z\"\n      lastUpdateTime: \"2026-03-01T08:00:00Z\"\n      message: Deployment has minimum availability.\n      reason: MinimumReplicasAvailable\n      status: \"True\"\n      type: Available\n"
            ),
        );
        let owner = |kind: &str, of: &str| {
            format!(
                "    ownerReferences:\n    - apiVersion: apps/v1\n      blockOwnerDeletion: true\n      controller: true\n      kind: {kind}\n      name: {of}\n      uid: 00000000-0000-4000-8000-{i:012}\n"
            )
        };
        let set = format!("{name}-7d9f6c5b48");
        let hashed = template.replace("      spec:\n", "          pod-template-hash: 7d9f6c5b48\n      spec:\n");
        item(
            out,
            "apps/v1",
            "ReplicaSet",
            &namespace,
            &set,
            &format!("{pod_labels}{}", owner("Deployment", &name)),
            &format!(
                "  spec:\n    replicas: {n}\n    selector:\n      matchLabels:\n        app: {name}\n        pod-template-hash: 7d9f6c5b48\n{hashed}  status:\n{counts}    fullyLabeledReplicas: {n}\n"
            ),
        );
        let (mut subsets, mut endpoints) = (String::new(), String::new());
        for p in 0..self.pods_each {
            let number = i * self.pods_each + p;
            let on = number % self.nodes;
            let ip = format!("10.{}.{}.{}", 100 + on, number / self.nodes / 250, number / self.nodes % 250 + 2);
            let pod = format!("{set}-{}{:04}", if p % 2 == 0 { "x" } else { "z" }, number % 10_000);
            item(
                out,
                "v1",
                "Pod",
                &namespace,
                &pod,
                &format!("    generateName: {set}-\n{pod_labels}{}", owner("ReplicaSet", &set)),
                &format!(
                    "  spec:\n    containers:\n    - image: registry.example.com/{name}:1.0.{i}\n      imagePullPolicy: IfNotPresent\n      name: main\n      ports:\n      - containerPort: 8080\n        name: http\n        protocol: TCP\n      resources: {{}}\n      terminationMessagePath: /dev/termination-log\n      terminationMessagePolicy: File\n      volumeMounts:\n      - mountPath: /var/run/secrets/kubernetes.io/serviceaccount\n        name: kube-api-access-abcde\n        readOnly: true\n    dnsPolicy: ClusterFirst\n    enableServiceLinks: true\n    nodeName: {node}\n    preemptionPolicy: PreemptLowerPriority\n    priority: 0\n    restartPolicy: Always\n    schedulerName: default-scheduler\n    securityContext: {{}}\n    serviceAccount: default\n    serviceAccountName: default\n    terminationGracePeriodSeconds: 30\n    tolerations:\n    - effect: NoExecute\n      key: node.kubernetes.io/not-ready\n      operator: Exists\n      tolerationSeconds: 300\n    volumes:\n    - name: kube-api-access-abcde\n      projected:\n        defaultMode: 420\n        sources:\n        - serviceAccountToken:\n            expirationSeconds: 3607\n            path: token\n        - configMap:\n            items:\n            - key: ca.crt\n              path: ca.crt\n            name: kube-root-ca.crt\n  status:\n    conditions:\n    - lastProbeTime: null\n      lastTransitionTime: \"2026-03-01T08:00:05Z\"\n      status: \"True\"\n      type: PodReadyToStartContainers\n    - lastProbeTime: null\n      lastTransitionTime: \"2026-03-01T08:00:05Z\"\n      status: \"True\"\n      type: Ready\n    containerStatuses:\n    - containerID: containerd://{number:064}\n      image: registry.example.com/{name}:1.0.{i}\n      imageID: registry.example.com/{name}@sha256:{number:064}\n      lastState: {{}}\n      name: main\n      ready: true\n      restartCount: 0\n      started: true\n      state:\n        running:\n          startedAt: \"2026-03-01T08:00:04Z\"\n    hostIP: 192.168.10.{host}\n    hostIPs:\n    - ip: 192.168.10.{host}\n    phase: Running\n    podIP: {ip}\n    podIPs:\n    - ip: {ip}\n    qosClass: BestEffort\n    startTime: \"2026-03-01T08:00:00Z\"\n",
                    node = node_name(on),
                    host = on + 10,
                ),
            );
            let _ = write!(
                subsets,
                "    - ip: {ip}\n      nodeName: {node}\n      targetRef:\n        kind: Pod\n        name: {pod}\n        namespace: {namespace}\n",
                node = node_name(on)
            );
            let _ = write!(
                endpoints,
                "  - addresses:\n    - {ip}\n    conditions:\n      ready: true\n      serving: true\n      terminating: false\n    nodeName: {node}\n    targetRef:\n      kind: Pod\n      name: {pod}\n      namespace: {namespace}\n",
                node = node_name(on)
            );
        }
        item(
            out,
            "v1",
            "Service",
            &namespace,
            &name,
            &labels,
            &format!(
                "  spec:\n    clusterIP: {cluster_ip}\n    clusterIPs:\n    - {cluster_ip}\n    internalTrafficPolicy: Cluster\n    ipFamilies:\n    - IPv4\n    ipFamilyPolicy: SingleStack\n    ports:\n    - name: http\n      port: 80\n      protocol: TCP\n      targetPort: http\n    selector:\n      app: {name}\n    sessionAffinity: None\n    type: ClusterIP\n  status:\n    loadBalancer: {{}}\n"
            ),
        );
        item(
            out,
            "v1",
            "Endpoints",
            &namespace,
            &name,
            &labels,
            &format!(
                "  subsets:\n  - addresses:\n{subsets}    ports:\n    - name: http\n      port: 8080\n      protocol: TCP\n"
            ),
        );
        item(
            out,
            "discovery.k8s.io/v1",
            "EndpointSlice",
            &namespace,
            &format!("{name}-k2x9d"),
            &format!(
                "    generateName: {name}-\n    labels:\n      app: {name}\n      endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io\n      kubernetes.io/service-name: {name}\n"
            ),
            &format!(
                "  addressType: IPv4\n  endpoints:\n{endpoints}  ports:\n  - name: http\n    port: 8080\n    protocol: TCP\n"
            ),
        );
        item(
            out,
            "v1",
            "ConfigMap",
            &namespace,
            &name,
            "",
            "  data:\n    config.yaml: |\n      listen: 8080\n      # not a document of its own:\n      ---\n      debug: false\n",
        );
        item(out, "v1", "Secret", &namespace, &name, "", &format!("  data:\n    password: {SECRET}\n  type: Opaque\n"));
        if i.is_multiple_of(10) {
            item(
                out,
                "networking.k8s.io/v1",
                "Ingress",
                &namespace,
                &name,
                "",
                &format!(
                    "  spec:\n    ingressClassName: nginx\n    rules:\n    - host: {name}.example.com\n      http:\n        paths:\n        - backend:\n            service:\n              name: {name}\n              port:\n                name: http\n          path: /\n          pathType: Prefix\n  status:\n    loadBalancer:\n      ingress:\n      - ip: 203.0.113.77\n"
                ),
            );
        }
    }
}

fn node_name(i: usize) -> String {
    format!("ip-192-168-10-{}.eu-central-1.compute.internal", i + 10)
}

fn node(out: &mut String, i: usize) {
    let name = node_name(i);
    item(
        out,
        "v1",
        "Node",
        "",
        &name,
        &format!(
            "    labels:\n      kubernetes.io/hostname: {name}\n      topology.kubernetes.io/zone: eu-central-1{}\n",
            ["a", "b", "c"][i % 3]
        ),
        &format!(
            "  spec:\n    podCIDR: 10.{net}.0.0/16\n    podCIDRs:\n    - 10.{net}.0.0/16\n    providerID: aws:///eu-central-1a/i-{i:017}\n  status:\n    addresses:\n    - address: 192.168.10.{host}\n      type: InternalIP\n    - address: {name}\n      type: Hostname\n    allocatable:\n      cpu: \"4\"\n      memory: 15Gi\n      pods: \"110\"\n    capacity:\n      cpu: \"4\"\n      memory: 16Gi\n      pods: \"110\"\n    conditions:\n    - lastHeartbeatTime: \"2026-03-01T08:00:00Z\"\n      message: kubelet is posting ready status\n      reason: KubeletReady\n      status: \"True\"\n      type: Ready\n    nodeInfo:\n      kubeProxyVersion: v1.34.2\n      kubeletVersion: v1.34.2\n",
            net = 100 + i,
            host = i + 10,
        ),
    );
}

/// One item of the List: with what the API server puts into every object's metadata.
fn item(out: &mut String, version: &str, kind: &str, namespace: &str, name: &str, metadata: &str, body: &str) {
    // Only a Secret's copy of itself has its values in it.
    let data = if kind == "Secret" { format!(",\"data\":{{\"password\":\"{SECRET}\"}}") } else { String::new() };
    let place = if namespace.is_empty() { String::new() } else { format!("    namespace: {namespace}\n") };
    let _ = write!(
        out,
        "- apiVersion: {version}\n  kind: {kind}\n  metadata:\n    annotations:\n      kubectl.kubernetes.io/last-applied-configuration: |\n        {{\"apiVersion\":\"{version}\",\"kind\":\"{kind}\",\"metadata\":{{\"name\":\"{name}\"}}{data}}}\n    creationTimestamp: \"2026-02-28T23:59:59Z\"\n    managedFields:\n    - apiVersion: {version}\n      fieldsType: FieldsV1\n      fieldsV1:\n        f:metadata:\n          f:labels:\n            .: {{}}\n            f:app: {{}}\n        f:spec:\n          k:{{\"port\":80,\"protocol\":\"TCP\"}}:\n            .: {{}}\n            f:port: {{}}\n      manager: kubectl-client-side-apply\n      operation: Update\n      time: \"2026-02-28T23:59:59Z\"\n    name: {name}\n{place}    resourceVersion: \"81{rv}\"\n    uid: 5f2c7e1a-0000-4000-8000-0000000{rv:05}\n{metadata}{body}",
        rv = out.len() % 100_000,
    );
}
