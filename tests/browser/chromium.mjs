/*
 * Headless Chromium over its remote debugging pipe: descriptors 3 and 4 of its process, JSON messages that end
 * in a NUL. No package is needed for this.
 *
 *     const browser = await start();            null: there is no Chromium here
 *     const page = await browser.open(path);    a file; waits until it has loaded
 *     await page.run("1 + 1");                  a JavaScript expression in the page, its value
 *     page.faults                               console errors, exceptions, refused loads
 *     await browser.stop();
 */
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

const FLAGS = ["--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
  "--remote-debugging-pipe", "--hide-scrollbars", "--force-color-profile=srgb"];

function findProgram() {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch { /* the next one */ }
    }
  }
  return null;
}

class Page {
  constructor(browser, session) {
    this.browser = browser;
    this.session = session;
    this.faults = [];
  }

  send(method, params = {}) { return this.browser.send(method, params, this.session); }

  async run(expression) {
    const reply = await this.send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (reply.exceptionDetails) throw new Error(expression + ": " + JSON.stringify(reply.exceptionDetails));
    return reply.result.value;
  }

  /* Waits for an expression to be true; every frame it is looked at again. */
  async until(expression, milliseconds = 5000) {
    const end = Date.now() + milliseconds;
    while (!(await this.run(expression))) {
      if (Date.now() > end) throw new Error("never came true: " + expression);
      await this.run("new Promise((done) => requestAnimationFrame(done))");
    }
  }

  async key(name, code = 0) {
    for (const type of ["keyDown", "keyUp"])
      await this.send("Input.dispatchKeyEvent", { type, key: name, code: name, windowsVirtualKeyCode: code });
  }

  async screenshot(whole = false) {
    const metrics = await this.send("Page.getLayoutMetrics");
    const params = { format: "png" };
    if (whole) {
      params.captureBeyondViewport = true;
      params.clip = { x: 0, y: 0, width: metrics.cssContentSize.width, height: metrics.cssContentSize.height, scale: 1 };
    }
    return Buffer.from((await this.send("Page.captureScreenshot", params)).data, "base64");
  }
}

class Browser {
  constructor(child, folder) {
    this.child = child;
    this.folder = folder;
    this.next = 1;
    this.waiting = new Map();
    this.pages = new Map();
    this.loaded = new Map();
    let rest = "";
    child.stdio[4].setEncoding("utf8");
    child.stdio[4].on("data", (chunk) => {
      const parts = (rest + chunk).split("\0");
      rest = parts.pop();
      for (const part of parts) this.receive(JSON.parse(part));
    });
    child.on("exit", () => {
      for (const wait of this.waiting.values()) wait.reject(new Error("chromium has ended"));
    });
  }

  receive(message) {
    const wait = this.waiting.get(message.id), page = this.pages.get(message.sessionId);
    if (wait) {
      this.waiting.delete(message.id);
      if (message.error) wait.reject(new Error(JSON.stringify(message.error)));
      else wait.resolve(message.result);
    } else if (message.method === "Page.loadEventFired" && this.loaded.has(message.sessionId)) {
      this.loaded.get(message.sessionId)();
    } else if (page && message.method === "Runtime.exceptionThrown") {
      page.faults.push("exception: " + JSON.stringify(message.params.exceptionDetails));
    } else if (page && message.method === "Log.entryAdded") {
      page.faults.push("log: " + message.params.entry.text);
    } else if (page && message.method === "Runtime.consoleAPICalled") {
      page.faults.push("console: " + JSON.stringify(message.params.args));
    } else if (page && message.method === "Network.requestWillBeSent" && !/^(file|data):/.test(message.params.request.url)) {
      page.faults.push("request: " + message.params.request.url);
    } else if (page && message.method === "Page.javascriptDialogOpening") {
      page.faults.push("dialog: " + message.params.message);
      this.send("Page.handleJavaScriptDialog", { accept: true }, message.sessionId);
    }
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.next++;
    this.child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  async open(path, { width = 1400, height = 900, media = [] } = {}) {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    this.pages.set(sessionId, page);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await page.send(domain + ".enable");
    await page.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    await page.send("Emulation.setEmulatedMedia", { features: media });
    const loaded = new Promise((resolve) => this.loaded.set(sessionId, resolve));
    await page.send("Page.navigate", { url: pathToFileURL(path).href });
    await loaded;
    page.targetId = targetId;
    return page;
  }

  async close(page) { await this.send("Target.closeTarget", { targetId: page.targetId }); }

  async stop() {
    const over = new Promise((resolve) => this.child.once("exit", resolve));
    this.send("Browser.close").catch(() => {});
    const patience = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await over;
    clearTimeout(patience);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

export async function start() {
  const program = findProgram();
  if (program === null) return null;
  const folder = mkdtempSync(join(tmpdir(), "sbx-browser-"));
  const flags = [...FLAGS, "--user-data-dir=" + folder];
  if (process.getuid?.() === 0) flags.push("--no-sandbox"); /* root has no other way */
  const child = spawn(program, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const browser = new Browser(child, folder);
  await browser.send("Browser.getVersion");
  return browser;
}
