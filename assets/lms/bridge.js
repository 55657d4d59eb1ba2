// Carries a learner's progress from the app to the platform that opened it: SCORM 1.2, SCORM 2004, or an xAPI record store.
// The app finds the platform in window.giljabiLms: `state` is what it told the last time (a string, empty at first), `most` the
// longest state that the platform keeps, `report({ points, of, solved, state })` tells how things stand now. Outside a platform
// there is no window.giljabiLms.
(() => {
  /** Looks for an API object in the frames around this one, and in whoever opened them. */
  const find = (name) => {
    for (let start of [window, window.opener]) {
      for (let at = start, depth = 0; at && depth < 20; at = at.parent === at ? null : at.parent, depth++) {
        try {
          if (at[name]) return at[name];
        } catch {
          break; // a frame of another origin
        }
      }
    }
    return null;
  };

  const scorm2004 = (api) => {
    if (String(api.Initialize("")) !== "true") return null;
    const set = (key, value) => api.SetValue(key, String(value));
    if (api.GetValue("cmi.completion_status") === "unknown") set("cmi.completion_status", "incomplete");
    return {
      most: 64000,
      state: api.GetValue("cmi.suspend_data") || "",
      report: ({ points, of, solved, state }) => {
        set("cmi.score.min", 0);
        set("cmi.score.max", of);
        set("cmi.score.raw", points);
        set("cmi.score.scaled", of ? points / of : 0);
        set("cmi.progress_measure", of ? points / of : 0);
        set("cmi.completion_status", solved ? "completed" : "incomplete");
        set("cmi.success_status", solved ? "passed" : "unknown");
        set("cmi.suspend_data", state);
        set("cmi.exit", solved ? "normal" : "suspend");
        api.Commit("");
      },
      end: () => api.Terminate(""),
    };
  };

  const scorm12 = (api) => {
    if (String(api.LMSInitialize("")) !== "true") return null;
    const set = (key, value) => api.LMSSetValue(key, String(value));
    if (api.LMSGetValue("cmi.core.lesson_status") === "not attempted") set("cmi.core.lesson_status", "incomplete");
    return {
      most: 4096,
      state: api.LMSGetValue("cmi.suspend_data") || "",
      report: ({ points, of, solved, state }) => {
        set("cmi.core.score.min", 0);
        set("cmi.core.score.max", 100);
        set("cmi.core.score.raw", of ? Math.round((100 * points) / of) : 0);
        set("cmi.core.lesson_status", solved ? "passed" : "incomplete");
        set("cmi.suspend_data", state);
        set("cmi.core.exit", solved ? "" : "suspend");
        api.LMSCommit("");
      },
      end: () => api.LMSFinish(""),
    };
  };

  /** An xAPI record store, as a launch link names it (endpoint, auth, actor, activity_id). */
  const xapi = (query) => {
    const endpoint = query.get("endpoint");
    const actor = query.get("actor");
    const activity = query.get("activity_id");
    if (!endpoint || !actor || !activity) return null;
    const headers = { "Content-Type": "application/json", "X-Experience-API-Version": "1.0.3" };
    if (query.get("auth")) headers.Authorization = query.get("auth");
    const base = endpoint.endsWith("/") ? endpoint : `${endpoint}/`;
    const statePath = () => {
      const of = new URLSearchParams({ activityId: activity, agent: actor, stateId: "progress" });
      return `${base}activities/state?${of}`;
    };
    const bridge = {
      most: 500_000,
      state: "",
      report: ({ points, of, solved, state }) => {
        const verb = solved ? "completed" : "progressed";
        const statement = {
          actor: JSON.parse(actor),
          verb: { id: `http://adlnet.gov/expapi/verbs/${verb}`, display: { en: verb } },
          object: { objectType: "Activity", id: activity },
          result: { completion: solved, score: { scaled: of ? points / of : 0, raw: points, min: 0, max: of } },
        };
        const send = (url, method, body) => fetch(url, { method, headers, body, keepalive: true }).catch(() => {});
        send(`${base}statements`, "POST", JSON.stringify(statement));
        send(statePath(), "PUT", JSON.stringify({ state }));
      },
      end: () => {},
    };
    bridge.ready = fetch(statePath(), { headers })
      .then((answer) => (answer.ok ? answer.json() : {}))
      .then((saved) => {
        bridge.state = saved.state ?? "";
      })
      .catch(() => {});
    return bridge;
  };

  const connect = () => {
    const newer = find("API_1484_11");
    if (newer) return scorm2004(newer);
    const older = find("API");
    if (older) return scorm12(older);
    return xapi(new URLSearchParams(location.search));
  };

  const bridge = connect();
  if (!bridge) return;
  window.giljabiLms = bridge;
  let ended = false;
  window.addEventListener("pagehide", () => {
    if (!ended) bridge.end();
    ended = true;
  });
})();
