// The work of the comparison, done by webernetes: boot, Deployments until every endpoint is ready, requests by three doors.
// One module for Node.js and the browser; ../../xtask has it bundled, because the package's own modules do not load unbundled.
import { BaseImage, Cluster } from "@ngrok/webernetes";

/** A server as small as one can be, and a client that sends a number of requests and says how long they took. */
class Work extends BaseImage {
  static imageName = "work";
  static imageVersion = "1.0";
  defaultCommand = ["serve"];

  async exec(context, argv) {
    if (argv[0] === "serve") {
      context.listenHttp(8080, async () => ({ statusCode: 200, body: "ok\n" }));
      return await context.waitUntilKilled();
    }
    if (argv[0] === "ask") {
      const [, url, count] = argv;
      const begun = performance.now();
      for (let i = 0; i < Number(count); i += 1) {
        const { body } = await context.fetch(url);
        if (body !== "ok\n") {
          context.writeStderr(`${url} answers ${body}`);
          return 1;
        }
      }
      context.writeStdout(String(performance.now() - begun));
      return 0;
    }
    return await super.exec(context, argv);
  }
}

const pod = (labels) => ({
  metadata: { labels },
  spec: { containers: [{ name: "work", image: "work:1.0", ports: [{ containerPort: 8080 }] }] },
});

/** A cluster with its control plane up. */
export async function boot(nodes = 3) {
  const cluster = new Cluster({ nodes });
  cluster.registerImage(Work);
  await cluster.init();
  return cluster;
}

/** A Service and a Deployment; resolves when every pod is a ready endpoint. */
export async function deploy(cluster, pods) {
  const ready = new Promise((resolve) => {
    const informer = cluster.informer("endpointslices", (_, slice) => {
      if (slice.metadata?.labels?.["kubernetes.io/service-name"] !== "web") return;
      const count = (slice.endpoints ?? []).filter((each) => each.conditions?.ready).length;
      if (count >= pods) resolve(informer);
    }, { namespace: "default" });
  });
  await cluster.apply([
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "default" },
      spec: {
        type: "NodePort",
        selector: { app: "web" },
        ports: [{ port: 80, targetPort: 8080, nodePort: 31000, protocol: "TCP" }],
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "default" },
      spec: { replicas: pods, selector: { matchLabels: { app: "web" } }, template: pod({ app: "web" }) },
    },
  ]);
  const informer = await ready;
  await informer.stop();
}

/** A pod that can send requests. */
export async function client(cluster) {
  const { metadata, spec } = pod({ app: "client" });
  await cluster.apply([{ apiVersion: "v1", kind: "Pod", metadata: { name: "client", namespace: "default", ...metadata }, spec }]);
  for (;;) {
    const { status } = await cluster.api.corev1.readNamespacedPod({ namespace: "default", name: "client" });
    if (status?.phase === "Running") return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Where the Service can be reached. */
export async function doors(cluster) {
  const { spec } = await cluster.api.corev1.readNamespacedService({ namespace: "default", name: "web" });
  return { clusterIP: `http://${spec.clusterIP}`, name: "http://web", nodePort: "http://192.168.1.1:31000" };
}

/** Milliseconds that so many requests take, one after the other. */
export async function ask(cluster, url, count) {
  const result = await cluster.exec("default", "client", undefined, ["ask", url, String(count)]);
  if (result.exitCode !== 0) throw new Error(`${url}: ${result.stderr}`);
  return Number(result.stdout);
}

export const close = (cluster) => cluster.close();
