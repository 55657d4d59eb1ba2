// Why an object is there, and why a pod gets no traffic: chains whose links lead to the line.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, ready } from "./browser.mjs";
import { eventually, objections, write } from "./hands.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const TEXT = `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  containers:
  - name: web
    image: nginx
    volumeMounts:
    - {name: site, mountPath: /usr/share/nginx/html}
  volumes:
  - name: site
    configMap:
      name: site
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`;

test("a pod that waits for a ConfigMap says so, down to the line that names it", async (t) => {
  const { page, complaints } = await open(t, browser, { locale: "en-GB", reducedMotion: "reduce" });
  await ready(page);
  await write(page, TEXT);
  await page.locator("#tab\\.objects").click();
  await page.locator(".objects .field").fill("pod/web");
  await page.locator(".object", { hasText: "pod/web" }).click();
  const because = page.locator(".because");
  await eventually(async () => assert.match(await because.innerText(), /configmap "site" not found/));
  assert.match(await because.innerText(), /Does it get the traffic of web\?/);
  assert.match(await because.innerText(), /was written by you/);
  const link = because.locator("li", { hasText: "asked for here" }).locator(".line-link");
  assert.match(await link.innerText(), /:15$/);
  await link.click();
  await page.locator(".cm-line.line-lit", { hasText: "name: site" }).waitFor();
  assert.deepEqual((await objections(page)).found, []);

  await write(page, `${TEXT}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: site}\ndata: {index.html: hi}\n`);
  await eventually(async () => assert.match(await because.innerText(), /pod\/web is a ready endpoint of/));
  assert.deepEqual(complaints, []);
});
